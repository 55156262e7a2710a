"""Generate answers: greedy, in batches of like length, with the constant prefix computed once, within a grammar."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from thriftune.errors import StudentError
from thriftune.prompts import LABEL_MARKER, Prompt
from thriftune.students.constrain import Obeying
from thriftune.students.decode import decode, read_prefix
from thriftune.students.load import Student
from thriftune.students.writers import Row
from thriftune.tasks.base import Grammar
from thriftune.train.loss import unwrapped
from thriftune.train.tree import refuse_what_is_not_covered


@dataclass(frozen=True)
class Generated:
    """What the student wrote for one prompt; `seconds` is its share of its batch's time."""

    text: str
    tokens: int
    seconds: float


def generate(
    student: Student,
    prompts: Sequence[Prompt],
    *,
    marker: str = LABEL_MARKER,
    batch: int = 16,
    max_new_tokens: int = 320,
    grammars: Sequence[Grammar | None] | None = None,
    on_answer: Callable[[int, Generated], None] = lambda index, generated: None,
    on_tokens: Callable[[int, list[int]], None] = lambda index, tokens: None,
) -> list[Generated]:
    """Answer the prompts; answers come in the order of the prompts.

    Args:
        marker: the task: `LABEL_MARKER` or `RATIONALE_MARKER`.
        batch: prompts generated side by side.
        max_new_tokens: what a student may write at most; it stops earlier at its end of text.
        grammars: one for each prompt: what may be written; None leaves it free. An answer that reaches
            `max_new_tokens` is cut off all the same.
        on_answer: called with (index, answer) as answers come.
        on_tokens: called with (index, all tokens so far) while a causal student writes behind a shared prefix.

    Raises:
        StudentError: a grammar cannot be enforced.
    """
    answers: dict[int, Generated] = {}
    with torch.inference_mode():
        for indices in _batches(student, prompts, batch):
            started = time.monotonic()
            asked = [prompts[index] for index in indices]
            allowed = _allowed(student, [grammars[index] for index in indices] if grammars else [])
            told = partial(_told, indices, on_tokens)
            rows = _generate(student, asked, marker, max_new_tokens, allowed, told)
            share = (time.monotonic() - started) / len(indices)
            for index, ids in zip(indices, rows, strict=True):
                text = student.tokenizer.decode(ids, skip_special_tokens=True).strip()
                answers[index] = Generated(text, len(ids), share)
                on_answer(index, answers[index])
    return [answers[index] for index in range(len(prompts))]


def _batches(student: Student, prompts: Sequence[Prompt], size: int) -> Iterator[list[int]]:
    """Indices of prompts with the same instructions and like lengths."""
    order = sorted(range(len(prompts)), key=lambda i: (prompts[i].instructions, len(prompts[i].question)))
    chunk: list[int] = []
    for index in order:
        if chunk and (len(chunk) == size or prompts[chunk[0]].instructions != prompts[index].instructions):
            yield chunk
            chunk = []
        chunk.append(index)
    if chunk:
        yield chunk


def _told(indices: list[int], on_tokens: Callable[[int, list[int]], None], row: int, tokens: list[int]) -> None:
    on_tokens(indices[row], tokens)


def _allowed(student: Student, grammars: list[Grammar | None]) -> list[Row] | None:
    return [student.constrainer.row(grammar) for grammar in grammars] if any(grammars) else None


def _generate(
    student: Student,
    prompts: list[Prompt],
    marker: str,
    max_new_tokens: int,
    allowed: list[Row] | None,
    told: Callable[[int, list[int]], None],
) -> list[list[int]]:
    renderer = student.renderer
    if student.kind == "seq2seq":
        in_decoder = student.seq2seq_task == "decoder"
        rows = [list(renderer.source("" if in_decoder else marker, prompt)) for prompt in prompts]
        given = [student.model.config.decoder_start_token_id, *(renderer.marker(marker) if in_decoder else ())]
        return _plainly(student, rows, max_new_tokens, len(given), allowed, given)
    pieces = [renderer.pieces(prompt) for prompt in prompts]
    rows = [[*piece.question, *renderer.marker(marker)] for piece in pieces]
    if not _covered(student.model):
        whole = [[*piece.prefix, *row] for piece, row in zip(pieces, rows, strict=True)]
        return _plainly(student, whole, max_new_tokens, max(map(len, whole)), allowed)
    model, prefix = unwrapped(student.model), pieces[0].prefix
    if prefix not in student.prefix_caches:
        student.prefix_caches[prefix] = read_prefix(model, prefix)
    cache, end = student.prefix_caches[prefix], student.tokenizer.eos_token_id
    return decode(model, cache, rows, end, max_new_tokens, allowed, told)


def _covered(model: Any) -> bool:
    try:
        refuse_what_is_not_covered(model)
    except StudentError:
        return False
    return True


def _plainly(
    student: Student,
    rows: list[list[int]],
    max_new_tokens: int,
    start: int,
    allowed: list[Row] | None,
    given: list[int] | None = None,
) -> list[list[int]]:
    """Generate with transformers alone: seq2seq students, and causal ones whose prefix cannot be shared.

    Args:
        start: where in the output the answer begins. given: what the decoder of a seq2seq student begins with.
    """
    width, pad = max(map(len, rows)), student.tokenizer.pad_token_id
    ids = [[*[pad] * (width - len(row)), *row] for row in rows]
    mask = [[*[0] * (width - len(row)), *[1] * len(row)] for row in rows]
    begun = {"decoder_input_ids": torch.tensor([given] * len(rows), device=student.device)} if given else {}
    output = student.model.generate(
        input_ids=torch.tensor(ids, device=student.device),
        attention_mask=torch.tensor(mask, device=student.device),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        logits_processor=[Obeying(allowed, student.tokenizer.eos_token_id)] if allowed else None,
        pad_token_id=pad,
        eos_token_id=student.tokenizer.eos_token_id,
        **begun,
    )
    return [_until(row, student.tokenizer.eos_token_id) for row in output[:, start:].tolist()]


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids
