"""Attention of a pack's parts on the CPU, with a backward of its own.

What autograd would do for `softmax(q·kᵀ + mask)·v` on slices costs a zero-filled tensor of the pack's size for every
slice of every part, and copies to add them up. Here each part's gradient goes straight to its place. The weights of a
part, `[G, heads / G · row, prefix + row]`, are kept for the backward; the products are those of the plain computation.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch


class Part(Protocol):
    """What is needed of `tree.Part`."""

    prefix: slice
    row: slice

    def mask(self, shared: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """Return the additive mask `[shared * row, prefix + row]`."""


def attend_parts(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, parts: Sequence[Part], scaling: float
) -> torch.Tensor:
    """Return `[H, N, D]`: each part's rows attend to its prefix and to itself.

    Args:
        query: `[H, N, D]`; key, value: `[G, N, D]`, `H` a multiple of `G`. parts: they cover the N places.
    """
    device = query.device.type
    if torch.is_autocast_enabled(device):  # its softmax would be fp32, its products not
        low = torch.get_autocast_dtype(device)
        query, key, value = query.to(low), key.to(low), value.to(low)
    with torch.autocast(device, enabled=False):
        return _Parts.apply(query, key, value, parts, scaling)  # type: ignore[no-any-return, no-untyped-call]


class _Parts(torch.autograd.Function):
    """With `P = softmax(S)`: `dV = Pᵀ·dO`, `dS = P ∘ (dO·Vᵀ − rowsum(P ∘ dO·Vᵀ))`, `dQ = dS·K`, `dK = dSᵀ·Q`."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, parts: Sequence[Part], scaling: float
    ) -> torch.Tensor:
        groups, shared = key.shape[0], query.shape[0] // key.shape[0]
        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        kept = []
        for part in parts:
            q = _stacked(query, part, groups) * scaling
            scores = torch.matmul(q, _seen(key, part).transpose(1, 2))
            weights = scores.add_(part.mask(shared, q.device, q.dtype)).softmax(-1)
            out[:, part.row] = torch.matmul(weights, _seen(value, part)).view(query.shape[0], -1, query.shape[2])
            kept.append(weights)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.parts, ctx.scaling = parts, scaling
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        query, key, value, *kept = ctx.saved_tensors
        groups = key.shape[0]
        to_query = torch.empty_like(query, memory_format=torch.contiguous_format)
        to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
        for part, weights in zip(ctx.parts, kept, strict=True):
            slope = _stacked(grads[0], part, groups)
            _add(to_value, part, torch.matmul(weights.transpose(1, 2), slope))
            slope = torch.matmul(slope, _seen(value, part).transpose(1, 2))
            slope = torch._softmax_backward_data(slope, weights, -1, weights.dtype)
            q = torch.matmul(slope, _seen(key, part)).mul_(ctx.scaling)
            to_query[:, part.row] = q.view(query.shape[0], -1, query.shape[2])
            _add(to_key, part, torch.matmul(slope.transpose(1, 2), _stacked(query, part, groups)).mul_(ctx.scaling))
        return to_query, to_key, to_value, None, None


def _stacked(tensor: torch.Tensor, part: Part, groups: int) -> torch.Tensor:
    """Return `[G, H / G · row, D]`: heads that share keys are stacked as more queries."""
    return tensor[:, part.row].reshape(groups, -1, tensor.shape[2])


def _seen(tensor: torch.Tensor, part: Part) -> torch.Tensor:
    """Return `[G, prefix + row, D]`."""
    if part.prefix.start == part.prefix.stop:
        return tensor[:, part.row]
    return torch.cat([tensor[:, part.prefix], tensor[:, part.row]], dim=1)


def _add(total: torch.Tensor, part: Part, gradient: torch.Tensor) -> None:
    prefix = part.prefix.stop - part.prefix.start
    total[:, part.prefix] += gradient[:, :prefix]
    total[:, part.row] += gradient[:, prefix:]
