"""Generation in batches over a shared prefix gives what generation one by one over whole prompts gives."""

import pytest
import torch

from thriftune.evaluate.generate import generate
from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER, Prompt
from thriftune.students.load import load_for_generation
from thriftune.testing import tiny

PROMPTS = [
    Prompt("Index films. Fields: year, genres.", "horror of the nineties, please, and nothing else"),
    Prompt("Index flights", "late?"),
    Prompt("Index films. Fields: year, genres.", "short"),
    Prompt("Index films. Fields: year, genres.", "how many films are there?"),
]


def one_by_one(student, prompt, marker):
    renderer = student.renderer
    if student.kind == "seq2seq":
        ids = list(renderer.source(marker, prompt))
    else:
        pieces = renderer.pieces(prompt)
        ids = [*pieces.prefix, *pieces.question, *renderer.marker(marker)]
    out = student.model.generate(input_ids=torch.tensor([ids]), max_new_tokens=24, do_sample=False)
    start = 1 if student.kind == "seq2seq" else len(ids)
    return student.tokenizer.decode(out[0, start:], skip_special_tokens=True).strip()


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("marker", [LABEL_MARKER, RATIONALE_MARKER])
def test_batches_equal_one_by_one(tmp_path, kind, marker):
    student = load_for_generation(str(tiny.save(tmp_path / "m", kind, seed=3)), "auto", "fp32")
    seen = []
    ours = generate(student, PROMPTS, marker=marker, batch=3, max_new_tokens=24, on_answer=lambda i, g: seen.append(i))
    assert [answer.text for answer in ours] == [one_by_one(student, prompt, marker) for prompt in PROMPTS]
    assert sorted(seen) == [0, 1, 2, 3]
    assert all(answer.tokens <= 24 for answer in ours)


def test_nothing_to_answer(tmp_path):
    student = load_for_generation(str(tiny.save(tmp_path / "m")), "auto", "fp32")
    assert generate(student, []) == []
