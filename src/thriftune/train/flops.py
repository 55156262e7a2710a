"""The model FLOPs of a step: the matrix products that its loss and gradient need, from the shapes alone.

Counted are linear layers, attention over the keys a token sees, and the output layer at supervised positions; each
with its gradients. Not counted: what is computed again (checkpointing), what a mask hides, padding, norms, softmax,
the optimizer. Layers that only some tokens pass (mixtures of experts) are counted as if all did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thriftune.students.load import Student
from thriftune.train.batches import Row
from thriftune.train.loss import unwrapped
from thriftune.train.vocabulary import REST

_ACROSS = ("EncDecAttention", "encoder_attn", "crossattention")
_KEYS_AND_VALUES = {"k", "v", "k_proj", "v_proj", "key", "value"}


@dataclass(frozen=True)
class Costs:
    """FLOPs, forward and backward: of a token, of one that crosses to the decoder, of a pair, of a target."""

    encoder: int
    across: int
    body: int
    encoder_pair: int
    pair: int
    head: int


def costs_of(student: Student) -> Costs:
    """Return what one token, one pair of query and key, and one supervised token cost."""
    config = unwrapped(student.model).config.get_text_config()
    sums = {"encoder": 0, "across": 0, "body": 0}
    for name, module in unwrapped(student.model).named_modules():
        if isinstance(module, torch.nn.Linear) and module is not unwrapped(student.model).get_output_embeddings():
            # the product, the gradient of its input, and that of a weight that learns
            passes = 3 if module.weight.requires_grad else 2
            sums[_place(name)] += 2 * module.in_features * module.out_features * passes
    layers = config.num_hidden_layers
    width = getattr(config, "head_dim", None) or getattr(config, "d_kv", None)
    pair = 3 * 4 * config.num_attention_heads * (width or config.hidden_size // config.num_attention_heads)
    decoder_layers = getattr(config, "num_decoder_layers", None) or layers
    return Costs(**sums, encoder_pair=layers * pair, pair=decoder_layers * pair, head=_head(student))


def _place(name: str) -> str:
    if any(part in name for part in _ACROSS) and _KEYS_AND_VALUES & set(name.split(".")):
        return "across"
    return "encoder" if "encoder" in name.split(".") else "body"


def _head(student: Student) -> int:
    table: Any = unwrapped(student.model).get_output_embeddings().weight
    size = len(table) if student.candidates is None else min(len(table), len(student.candidates) + REST)
    return int(2 * size * table.shape[1] * (3 if table.requires_grad else 2))


def flops_of(costs: Costs, rows: Sequence[Row], kind: str) -> int:
    """Return the model FLOPs of one micro-batch."""
    targets = sum(row.label_tokens + row.rationale_tokens for row in rows) * costs.head
    if kind == "seq2seq":
        return targets + sum(_seq2seq(costs, row) for row in rows)
    prefixes = {row.prefix for row in rows}
    tokens = sum(map(len, prefixes)) + sum(row.tokens for row in rows)
    pairs = sum(_triangle(len(prefix)) for prefix in prefixes) + sum(map(_pairs, rows))
    return targets + tokens * costs.body + pairs * costs.pair


def _pairs(row: Row) -> int:
    """Queries and the keys they see: the prefix, the question and, in each branch, what came before."""
    question, label, rationale = len(row.question), len(row.label), len(row.rationale)
    own = _triangle(question + label) + rationale * question + _triangle(rationale)
    return row.tokens * len(row.prefix) + own


def _seq2seq(costs: Costs, row: Row) -> int:
    reads = [(len(row.question), [row.label, *([] if row.why else [row.rationale])])]
    reads += [(len(row.why), [row.rationale])] if row.why else []
    flops = 0
    for source, targets in reads:
        flops += source * costs.encoder + source**2 * costs.encoder_pair
        for target in map(len, filter(None, targets)):
            flops += target * costs.body + source * costs.across
            flops += (_triangle(target) + target * source) * costs.pair
    return flops


def _triangle(length: int) -> int:
    return length * (length + 1) // 2
