"""Many examples in one sequence: shared prefixes and branches that do not see each other.

A pack is one sequence of tokens `[1, N]` in which nothing is computed twice and nothing is padding:

    prefix | question₁ label₁ rationale₁ | question₂ label₂ rationale₂ | … (next prefix | …)

Every token-wise layer (projections, MLP, norms) runs once over the N tokens. Attention runs per part: the prefix
attends causally to itself; a row attends to its prefix and to itself, where the rationale does not see the label and
its positions restart where the label's began. The result equals separate passes over `[prefix; question; label]` and
`[prefix; question; rationale]`; only the order of floating-point sums differs.

Not covered: attention that is not plain softmax over all earlier tokens (sliding windows, soft-capping, sinks).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from thriftune.errors import StudentError
from thriftune.train.pack_attention import attend_parts

NAME = "thriftune_tree"
BLOCK = 256  # tokens of a prefix that attend at once


@dataclass
class Part:
    """One row of a pack, or a block of a prefix.

    Attributes:
        prefix: the slice of the pack that the row sees whole: its prefix, or what lies before the block.
        row: the slice of the pack that is the row or the block.
        visible: bool `[row, prefix + row]`: which keys each token of the row sees.
    """

    prefix: slice
    row: slice
    visible: torch.Tensor
    _mask: torch.Tensor | None = None

    def mask(self, shared: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """Return the additive mask `[shared * row, prefix + row]`; made by the first layer, kept for the others."""
        if self._mask is None or self._mask.dtype != dtype:
            mask = torch.zeros(self.visible.shape, dtype=dtype).masked_fill(~self.visible, float("-inf"))
            self._mask = mask.repeat(shared, 1).to(device)
        return self._mask


@dataclass(frozen=True)
class Layout:
    """Who sees whom in a pack; the parts lie one after the other and cover it.

    `calls` counts the layers that attended by it: a model that ignores it would let everything see everything.
    """

    parts: tuple[Part, ...]
    calls: list[str] = field(default_factory=list)


def visibility(prefix: int, question: int, label: int, rationale: int) -> torch.Tensor:
    """Return bool `[row, prefix + row]` for a row of `question + label + rationale` tokens."""
    row = question + label + rationale
    seen = torch.ones(row, row, dtype=torch.bool).tril()
    seen[question + label :, question : question + label] = False
    return torch.cat([torch.ones(row, prefix, dtype=torch.bool), seen], dim=1)


def prefix_parts(prefix: slice) -> list[Part]:
    """Return the parts of a prefix: it attends causally to itself, in blocks, each to those before it and to itself.

    Of one block the half above the diagonal is computed for nothing, and kept for the backward.
    """
    parts = []
    for start in range(prefix.start, prefix.stop, BLOCK):
        block = slice(start, min(start + BLOCK, prefix.stop))
        seen = visibility(start - prefix.start, block.stop - start, 0, 0)
        parts.append(Part(slice(prefix.start, start), block, seen))
    return parts


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    layout: Layout | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention over a pack, in the form of a transformers attention function.

    Args:
        query: `[1, H, N, D]`; key, value: `[1, G, N, D]` with `H` a multiple of `G` (grouped queries).
        layout: who sees whom; passed as a keyword through the model's forward.

    Returns:
        `[1, N, H, D]` and no weights.
    """
    if layout is None:
        raise StudentError(f"{type(module).__name__} does not hand keywords to its attention, so it cannot be packed")
    if any(kwargs.get(name) is not None for name in ("sliding_window", "softcap", "s_aux")):
        raise StudentError(f"{type(module).__name__}: attention with a window, a cap or sinks cannot be packed")
    layout.calls.append(type(module).__name__)
    scale = scaling or query.shape[-1] ** -0.5
    if query.device.type == "cpu" and dropout == 0:
        # twice as fast as the CPU's flash kernel, whose backward is slow for narrow heads (docs/decisions/attention.md)
        return attend_parts(query[0], key[0], value[0], layout.parts, scale)[None].transpose(1, 2), None
    rows = [attend_row(query, key, value, part, scale, dropout) for part in layout.parts]
    return torch.cat(rows, dim=2).transpose(1, 2), None


def attend_row(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, part: Part, scaling: float, dropout: float
) -> torch.Tensor:
    """Attention of one row: heads that share keys are stacked as more queries, so keys are not copied per head."""
    q = query[:, :, part.row]
    _, heads, length, width = q.shape
    groups = key.shape[1]
    q = q.reshape(1, groups, heads // groups * length, width)
    k = torch.cat([key[:, :, part.prefix], key[:, :, part.row]], dim=2)
    v = torch.cat([value[:, :, part.prefix], value[:, :, part.row]], dim=2)
    mask = part.mask(heads // groups, q.device, q.dtype)
    out = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scaling, dropout_p=dropout)
    return out.reshape(1, heads, length, width)


@contextmanager
def tree_attention(model: Any) -> Iterator[None]:
    """Let a causal model (also under PEFT's wrapper) attend over packs inside the block.

    Raises:
        StudentError: the model's attention is of a kind that packs do not cover.
    """
    config = model.config.get_text_config()
    refuse_what_is_not_covered(model)
    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


def refuse_what_is_not_covered(model: Any) -> None:
    """Raise where the model's attention or output layer is more than packs and shared prefixes cover.

    Raises:
        StudentError: a sliding window, soft-capping, or an output layer that is more than one matrix.
    """
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(config, "attn_logit_softcapping", None):
        raise StudentError(f"{config.model_type}: attention of kind {sorted(kinds)} cannot be packed")
    head = model.get_output_embeddings()
    scaling = ("logits_scaling", "logit_scale", "final_logit_softcapping")
    scaled = [name for name in scaling if getattr(config, name, None) not in (None, 1, 1.0)]
    if type(head) is not torch.nn.Linear or head.bias is not None or scaled:
        raise StudentError(f"{config.model_type}: its output layer is more than one matrix and cannot be packed")
