"""`prompt.json`: how instructions and question become token ids, for whoever loads an export without Thriftune.

    slots   = texts + {marker: markers[task], instructions: instructions[collection], question: …}
    ids     = for each piece: tokenize("".join(its slots), add_special_tokens=False), one after the other

Pieces are tokenised apart because training tokenised them apart.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thriftune.errors import InputError
from thriftune.files import write_json
from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER, Pieces, Prompt, Renderer
from thriftune.records import Question

FILE = "prompt.json"
_CAUSAL = [["before", "instructions", "between"], ["question", "after"], ["marker"]]
_SEQ2SEQ = [["marker", "before", "instructions", "between", "question", "after"], ["end"]]
_HOLE = "\x00"


def describe(
    renderer: Renderer, kind: str, asked: Iterable[tuple[Question, Prompt]], max_new_tokens: int
) -> dict[str, Any]:
    """Return the content of `prompt.json` for a student.

    Args:
        asked: questions with their prompts. Where a collection's instructions differ from question to question they
            cannot be written down: the entry is None, and the task has to make them.
    """
    found: dict[str, set[str]] = {}
    for question, prompt in asked:
        found.setdefault(question.collection, set()).add(prompt.instructions)
    markers = {"label": LABEL_MARKER, "rationale": RATIONALE_MARKER}
    if kind == "seq2seq":
        texts, markers = _encoder_texts(renderer), {task: marker.strip() for task, marker in markers.items()}
    else:
        texts = dict(zip(("before", "between", "after"), renderer.frame, strict=True))
    return {
        "kind": kind,
        "pieces": _SEQ2SEQ if kind == "seq2seq" else _CAUSAL,
        "texts": texts,
        "markers": markers,
        "instructions": {name: next(iter(some)) if len(some) == 1 else None for name, some in sorted(found.items())},
        "stop": str(renderer.tokenizer.eos_token),
        "max_new_tokens": max_new_tokens,
    }


def _encoder_texts(renderer: Renderer) -> dict[str, str]:
    text = renderer.source_text(LABEL_MARKER, Prompt(_HOLE, _HOLE)).removeprefix(LABEL_MARKER.strip())
    before, between, after = text.split(_HOLE)
    return {"before": before, "between": between, "after": after, "end": str(renderer.tokenizer.eos_token)}


@dataclass(frozen=True)
class PromptFile:
    """A `prompt.json` that was read back."""

    kind: str
    pieces: list[list[str]]
    texts: dict[str, str]
    markers: dict[str, str]
    instructions: dict[str, str | None]
    stop: str
    max_new_tokens: int

    def prompt(self, collection: str, prompt: Prompt) -> Prompt:
        """Return the prompt with this file's instructions, where they are the same for all questions."""
        return Prompt(self.instructions.get(collection) or prompt.instructions, prompt.question)

    def parts(self, prompt: Prompt, marker: str) -> list[str]:
        """Return the texts that are tokenised apart; `marker` is `label` or `rationale`."""
        slots: Mapping[str, str] = {
            **self.texts,
            "marker": self.markers[marker],
            "instructions": prompt.instructions,
            "question": prompt.question,
        }
        return ["".join(slots[slot] for slot in piece) for piece in self.pieces]


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write `prompt.json` into a folder."""
    write_json(folder / FILE, content)


def read(folder: Path) -> PromptFile:
    """Read the `prompt.json` of an export.

    Raises:
        InputError: it is missing or not what `write` wrote.
    """
    path = folder / FILE
    try:
        return PromptFile(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}. Export again: thriftune export RUN --to FORM") from error


class FileRenderer(Renderer):
    """Renders by a `prompt.json` instead of by the code, in the form that students are asked through."""

    def __init__(self, tokenizer: Any, file: PromptFile) -> None:
        super().__init__(tokenizer)
        self._file = file

    def pieces(self, prompt: Prompt) -> Pieces:
        """Return the ids before the answer, for a causal student."""
        prefix, question, _ = self._file.parts(prompt, "label")
        return Pieces(self._ids(prefix), self._ids(question))

    def marker(self, marker: str) -> tuple[int, ...]:
        """Return the ids of a task marker alone."""
        return self._ids(self._file.markers[_name(marker)])

    def source(self, marker: str, prompt: Prompt) -> tuple[int, ...]:
        """Return the encoder's ids for a seq2seq student."""
        return tuple(token for part in self._file.parts(prompt, _name(marker)) for token in self._ids(part))


def _name(marker: str) -> str:
    return "label" if marker == LABEL_MARKER else "rationale"
