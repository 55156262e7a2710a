"""One prompt for training and generation, whatever the tokenizer's chat template is."""

import pytest

from thriftune.prompts import LABEL_MARKER, Prompt, Renderer
from thriftune.testing import tiny

PROMPT = Prompt("Index films", "which films?")
NO_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<s>{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}<s>assistant: "
)


def text(tokenizer) -> str:
    renderer = Renderer(tokenizer)
    pieces = renderer.pieces(PROMPT)
    return tokenizer.decode([*pieces.prefix, *pieces.question, *renderer.marker(LABEL_MARKER)])


@pytest.mark.parametrize("chat", [False, True])
def test_instructions_come_before_the_question_and_the_marker_last(chat):
    found = text(tiny.tokenizer(chat))
    assert found.index("Index films") < found.index("which films?") and found.endswith("predict:\n")


def test_a_template_that_refuses_a_system_turn_gets_one_user_turn():
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = NO_SYSTEM
    assert text(tokenizer) == "<s>user: Index films\n\nwhich films?\n<s>assistant: predict:\n"
