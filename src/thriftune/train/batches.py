"""From lessons to micro-batches: rows of token ids, packs for causal students, padded pairs for seq2seq ones.

Every supervised token carries its weight in the loss: `w / labels' tokens` or `(1 − w) / rationales' tokens`, counted
over the whole effective batch. So accumulation over micro-batches of any size gives the same gradient.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch

from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER, Pieces, Prompt, Renderer
from thriftune.train.tree import Layout, Part, prefix_parts, visibility

IGNORED = -100


@dataclass(frozen=True)
class Row:
    """One example as token ids. For a causal student `label` and `rationale` begin with their marker.

    `prefix` is empty for a seq2seq student, whose `question` and `why` are the two encoder texts. One told its task
    in the decoder has no `why`: both tasks read `question`, and the answers begin with a marker as a causal student's.
    """

    prefix: tuple[int, ...]
    question: tuple[int, ...]
    label: tuple[int, ...]
    rationale: tuple[int, ...]
    label_marker: int = 0
    rationale_marker: int = 0
    why: tuple[int, ...] = ()

    @property
    def label_tokens(self) -> int:
        """How many label tokens are supervised."""
        return len(self.label) - self.label_marker

    @property
    def rationale_tokens(self) -> int:
        """How many rationale tokens are supervised."""
        return max(0, len(self.rationale) - self.rationale_marker)

    @property
    def tokens(self) -> int:
        """Tokens of the row without its prefix."""
        return len(self.question) + len(self.label) + len(self.rationale) + len(self.why)


@dataclass(frozen=True)
class Scale:
    """Weight of each supervised token in the loss of one effective batch."""

    label: float
    rationale: float


NOTHING = Scale(0.0, 0.0)  # of a process that only keeps pace with the others


@dataclass(frozen=True)
class Pack:
    """A micro-batch for a causal student.

    Attributes:
        input_ids, position_ids: int64 `[1, N]`.
        layout: who sees whom.
        sources: int64 `[M]`, positions in the pack whose hidden state predicts a supervised token.
        targets: int64 `[M]`, those tokens. weights: fp32 `[M]`. is_label: bool `[M]`.
        rows: int64 `[M]`, which row of the micro-batch a token belongs to.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    layout: Layout
    sources: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    is_label: torch.Tensor
    rows: torch.Tensor


@dataclass(frozen=True)
class Pairs:
    """A micro-batch for a seq2seq student: both tasks as rows of one padded batch.

    Attributes:
        input_ids, attention_mask: int64 `[sources, source]`: the encoder's texts.
        source_of: int64 `[rows]`, which of them a row reads: its own, or one that both tasks share.
        targets, labels: int64 `[rows, target]`: what the decoder reads (moved by one) and what it has to predict, -100
            where padded or given.
        weights: fp32 `[rows]`, the weight of each of the row's tokens. is_label: bool `[rows]`.
        rows: int64 `[rows]`, which example of the micro-batch a row belongs to.
    """

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    source_of: torch.Tensor
    targets: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    is_label: torch.Tensor
    rows: torch.Tensor


def make_row(
    renderer: Renderer, prompt: Prompt, label: str, rationale: str | None, kind: str, task: str = "encoder"
) -> Row:
    """Tokenise one example; `rationale=None` for label-only training.

    Args:
        task: where a seq2seq student is told its task: `encoder` or `decoder`.
    """
    if kind == "seq2seq" and task == "encoder":
        why = renderer.source(RATIONALE_MARKER, prompt) if rationale is not None else ()
        reason = renderer.target(rationale) if rationale is not None else ()
        return Row((), renderer.source(LABEL_MARKER, prompt), renderer.target(label), reason, why=why)
    pieces = renderer.pieces(prompt) if kind == "causal" else Pieces((), renderer.source("", prompt))
    return Row(
        pieces.prefix,
        pieces.question,
        renderer.answer(LABEL_MARKER, label),
        renderer.answer(RATIONALE_MARKER, rationale) if rationale is not None else (),
        len(renderer.marker(LABEL_MARKER)),
        len(renderer.marker(RATIONALE_MARKER)),
    )


def scale_of(rows: Sequence[Row], weight: float) -> Scale:
    """Return the weights that make the sum over tokens `w·mean label loss + (1 − w)·mean rationale loss`."""
    labels = sum(row.label_tokens for row in rows)
    rationales = sum(row.rationale_tokens for row in rows)
    return Scale(weight / labels if labels else 0.0, (1 - weight) / rationales if rationales else 0.0)


def micro_batches(rows: Sequence[Row], tokens: int, padded: bool = False) -> Iterator[list[Row]]:
    """Split rows into micro-batches of at most `tokens` tokens (one row at least), like prefixes and lengths together.

    Args:
        padded: count what padding makes of the rows of a seq2seq student.
    """
    batch: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.prefix, row.tokens)):
        if batch and size_of([*batch, row], padded) > tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def shares(rows: Sequence[Row], ranks: int, tokens: int, padded: bool = False) -> list[list[list[Row]]]:
    """Deal the rows of an effective batch to `ranks` processes; return each one's micro-batches.

    Every process gets the same number, because they wait for each other: an empty one only keeps pace. Long rows are
    dealt first, each to the process with the fewest tokens.
    """
    dealt: list[list[Row]] = [[] for _ in range(ranks)]
    for row in sorted(rows, key=lambda row: row.tokens, reverse=True) if ranks > 1 else rows:
        min(dealt, key=lambda own: sum(row.tokens for row in own)).append(row)
    split = [list(micro_batches(own, tokens, padded)) for own in dealt]
    most = max(map(len, split))
    return [[*own, *([[]] * (most - len(own)))] for own in split]


def size_of(rows: Sequence[Row], padded: bool = False) -> int:
    """Return the tokens that a micro-batch of these rows computes."""
    if not padded:
        return sum(len(prefix) for prefix in {row.prefix for row in rows}) + sum(row.tokens for row in rows)
    sources = [text for row in rows for text in (row.question, row.why) if text]
    targets = [text for row in rows for text in (row.label, row.rationale) if text]
    return sum(len(texts) * max(map(len, texts)) for texts in (sources, targets))


def pack(rows: Sequence[Row], scale: Scale) -> Pack:
    """Lay rows behind their shared prefixes in one sequence."""
    ids: list[int] = []
    positions: list[int] = []
    parts: list[Part] = []
    supervised: list[tuple[int, int, float, bool, int]] = []
    ordered = sorted(enumerate(rows), key=lambda item: item[1].prefix)
    for prefix, group in groupby(ordered, key=lambda item: item[1].prefix):
        shared = slice(len(ids), len(ids) + len(prefix))
        parts += prefix_parts(shared)
        ids.extend(prefix)
        positions.extend(range(len(prefix)))
        for index, row in group:
            start = len(ids)
            fork = len(prefix) + len(row.question)
            ids.extend((*row.question, *row.label, *row.rationale))
            positions.extend(range(len(prefix), fork + len(row.label)))
            positions.extend(range(fork, fork + len(row.rationale)))
            label_start = start + len(row.question)
            why_start = label_start + len(row.label)
            branches = _branch(row.label, row.label_marker, label_start, scale.label, True)
            branches += _branch(row.rationale, row.rationale_marker, why_start, scale.rationale, False)
            supervised += [(*token, index) for token in branches]
            seen = visibility(len(prefix), len(row.question), len(row.label), len(row.rationale))
            parts.append(Part(shared, slice(start, len(ids)), seen))
    sources, targets, weights, is_label, owners = zip(*supervised, strict=True)
    return Pack(
        torch.tensor([ids]),
        torch.tensor([positions]),
        Layout(tuple(parts)),
        torch.tensor(sources),
        torch.tensor(targets),
        torch.tensor(weights),
        torch.tensor(is_label),
        torch.tensor(owners),
    )


def _branch(
    ids: tuple[int, ...], marker: int, start: int, weight: float, is_label: bool
) -> list[tuple[int, int, float, bool]]:
    """The marker is given, not learnt: its last token predicts the first token of the answer."""
    return [(start + place - 1, ids[place], weight, is_label) for place in range(marker, len(ids))]


def pairs(rows: Sequence[Row], scale: Scale, pad: int) -> Pairs:
    """Pad both tasks of the rows into one batch."""
    items = [(row.question, row.label, row.label_marker, scale.label, True, at) for at, row in enumerate(rows)]
    items += [
        (row.why or row.question, row.rationale, row.rationale_marker, scale.rationale, False, at)
        for at, row in enumerate(rows)
        if row.rationale
    ]
    texts, targets, markers, weights, is_label, owners = zip(*items, strict=True)
    sources = list(dict.fromkeys(texts))
    labels = [(*[IGNORED] * given, *ids[given:]) for ids, given in zip(targets, markers, strict=True)]
    return Pairs(
        _padded(sources, pad),
        _padded([[1] * len(source) for source in sources], 0),
        torch.tensor([sources.index(text) for text in texts]),
        _padded(targets, pad),
        _padded(labels, IGNORED),
        torch.tensor(weights),
        torch.tensor(is_label),
        torch.tensor(owners),
    )


def _padded(rows: Any, value: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)
