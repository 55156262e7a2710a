"""Generate answers: greedy, in batches of like length, with the constant prefix computed once."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thriftune.prompts import LABEL_MARKER, Prompt
from thriftune.students.load import Student


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
    on_answer: Callable[[int, Generated], None] = lambda index, generated: None,
) -> list[Generated]:
    """Answer the prompts; answers come in the order of the prompts.

    Args:
        marker: the task: `LABEL_MARKER` or `RATIONALE_MARKER`.
        batch: prompts generated side by side.
        max_new_tokens: what a student may write at most; it stops earlier at its end of text.
        on_answer: called with (index, answer) as answers come.
    """
    answers: dict[int, Generated] = {}
    with torch.inference_mode():
        for indices in _batches(student, prompts, batch):
            started = time.monotonic()
            rows = _generate(student, [prompts[index] for index in indices], marker, max_new_tokens)
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


def _generate(student: Student, prompts: list[Prompt], marker: str, max_new_tokens: int) -> list[list[int]]:
    renderer = student.renderer
    extra: dict[str, Any] = {}
    if student.kind == "seq2seq":
        rows = [list(renderer.source(marker, prompt)) for prompt in prompts]
        shared: tuple[int, ...] = ()
    else:
        pieces = [renderer.pieces(prompt) for prompt in prompts]
        shared = pieces[0].prefix
        rows = [[*piece.question, *renderer.marker(marker)] for piece in pieces]
        extra["past_key_values"] = _prefix_cache(student, shared, len(rows))
    width = max(map(len, rows))
    pad = student.tokenizer.pad_token_id
    # the padding stands between the shared prefix and the question, masked, so that answers line up at the right
    ids = [[*shared, *[pad] * (width - len(row)), *row] for row in rows]
    mask = [[*[1] * len(shared), *[0] * (width - len(row)), *[1] * len(row)] for row in rows]
    output = student.model.generate(
        input_ids=torch.tensor(ids, device=student.device),
        attention_mask=torch.tensor(mask, device=student.device),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        pad_token_id=pad,
        eos_token_id=student.tokenizer.eos_token_id,
        **extra,
    )
    start = 1 if student.kind == "seq2seq" else len(ids[0])
    return [_until(row, student.tokenizer.eos_token_id) for row in output[:, start:].tolist()]


def _prefix_cache(student: Student, prefix: tuple[int, ...], rows: int) -> Any:
    """Keys and values of the prefix, computed once per collection and repeated for the rows of a batch."""
    from transformers import DynamicCache

    store = student.prefix_caches
    if prefix not in store:
        cache = DynamicCache(config=student.model.config)
        student.model(
            input_ids=torch.tensor([prefix], device=student.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        store[prefix] = cache
    cache = copy.deepcopy(store[prefix])
    cache.batch_repeat_interleave(rows)
    return cache


def _until(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids
