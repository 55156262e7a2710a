"""What `prompt.json` says becomes the ids that training and evaluation saw."""

import pytest

from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER, Prompt, Renderer
from thriftune.records import Question
from thriftune.ship import prompt
from thriftune.testing import tiny

GIVEN = Prompt("Index films {question}. Fields: year\n", "horror {instructions}?\nvalues: x")
ASKED = Question(id="q", collection="films", text="horror?", meaning="q")


def ids_by_the_file_alone(content: dict, tokenizer, task: str) -> list[int]:
    """What the docstring of `prompt` says, written again."""
    slots = content["texts"] | {"marker": content["markers"][task], "question": GIVEN.question}
    slots["instructions"] = content["instructions"]["films"]
    parts = ["".join(slots[slot] for slot in piece) for piece in content["pieces"]]
    return [token for part in parts for token in tokenizer(part, add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize(("task", "marker"), [("label", LABEL_MARKER), ("rationale", RATIONALE_MARKER)])
def test_the_file_gives_the_ids_of_the_renderer(tmp_path, kind, chat, task, marker):
    tokenizer = tiny.tokenizer(chat)
    ours = Renderer(tokenizer)
    prompt.write(tmp_path, prompt.describe(ours, kind, [(ASKED, GIVEN)], 16))
    theirs = prompt.FileRenderer(tokenizer, prompt.read(tmp_path))
    if kind == "seq2seq":
        expected = list(ours.source(marker, GIVEN))
        assert list(theirs.source(marker, GIVEN)) == expected
    else:
        assert theirs.pieces(GIVEN) == ours.pieces(GIVEN) and theirs.marker(marker) == ours.marker(marker)
        expected = [*ours.pieces(GIVEN).prefix, *ours.pieces(GIVEN).question, *ours.marker(marker)]
    assert ids_by_the_file_alone(prompt.describe(ours, kind, [(ASKED, GIVEN)], 16), tokenizer, task) == expected


def test_instructions_that_change_with_the_question_are_left_to_the_task(tmp_path):
    other = Prompt("Index films. Fields: genres", "war?")
    content = prompt.describe(Renderer(tiny.tokenizer()), "causal", [(ASKED, GIVEN), (ASKED, other)], 16)
    assert content["instructions"] == {"films": None}
    prompt.write(tmp_path, content)
    assert prompt.read(tmp_path).prompt("films", other) == other
