"""The one Prompt: the text of a question, the same for teacher, trainer, evaluator and server.

A prompt is cut into three pieces that are tokenised apart, so that training and generation see the same ids:

    prefix (instructions, constant per collection) | question | task marker + answer + end of text

For a causal student both answers are branches behind the same question, told apart by the marker that begins them.
For a seq2seq student the marker begins the encoder's text, as in Hsieh et al. 2023.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

LABEL_MARKER = "predict:\n"
RATIONALE_MARKER = "explain:\n"
_HOLE = "\x00"


@dataclass(frozen=True)
class Prompt:
    """A question with the instructions of its collection."""

    instructions: str
    question: str


@dataclass(frozen=True)
class Pieces:
    """Token ids of a causal prompt: `prefix` is shared by all questions of a collection."""

    prefix: tuple[int, ...]
    question: tuple[int, ...]


class Renderer:
    """Turns prompts and answers into token ids for one tokenizer.

    A tokenizer with a chat template gets system, user and assistant turns; any other gets plain text.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._prefixes: dict[str, tuple[int, ...]] = {}

    def pieces(self, prompt: Prompt) -> Pieces:
        """Return the ids before the answer, for a causal student."""
        before, between, after = self.frame
        if prompt.instructions not in self._prefixes:
            self._prefixes[prompt.instructions] = self._ids(before + prompt.instructions + between)
        return Pieces(self._prefixes[prompt.instructions], self._ids(prompt.question + after))

    def answer(self, marker: str, text: str) -> tuple[int, ...]:
        """Return the ids of a branch: marker, text, end of text."""
        return (*self._ids(marker), *self._ids(text), self.tokenizer.eos_token_id)

    def marker(self, marker: str) -> tuple[int, ...]:
        """Return the ids of a task marker alone: what generation starts from."""
        return self._ids(marker)

    def text_ids(self, text: str) -> tuple[int, ...]:
        """Return the ids of an answer's text alone."""
        return self._ids(text)

    def source(self, marker: str, prompt: Prompt) -> tuple[int, ...]:
        """Return the encoder's ids for a seq2seq student; no marker where the decoder is told the task."""
        return (*self._ids(self.source_text(marker, prompt)), self.tokenizer.eos_token_id)

    def source_text(self, marker: str, prompt: Prompt) -> str:
        """Return the encoder's text for a seq2seq student, without its end."""
        return f"{marker.strip()} {prompt.instructions}\nQuestion: {prompt.question}".lstrip()

    def target(self, text: str) -> tuple[int, ...]:
        """Return the decoder's ids for a seq2seq student."""
        return (*self._ids(text), self.tokenizer.eos_token_id)

    def _chat(self, messages: list[dict[str, str]]) -> str:
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    @cached_property
    def frame(self) -> tuple[str, str, str]:
        """The texts of a causal prompt before the instructions, between them and the question, and after it."""
        if not getattr(self.tokenizer, "chat_template", None):
            return (self.tokenizer.bos_token or "", "\nQuestion: ", "\n")
        from jinja2 import TemplateError  # here: what only names a prompt loads no template engine

        try:
            text = self._chat([{"role": "system", "content": _HOLE}, {"role": "user", "content": _HOLE}])
        except TemplateError:  # some templates (Gemma's) refuse a system turn
            text = self._chat([{"role": "user", "content": f"{_HOLE}\n\n{_HOLE}"}])
        before, between, after = text.split(_HOLE)
        return before, between, after
