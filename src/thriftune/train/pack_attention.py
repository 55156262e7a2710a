"""Attention of a pack's parts on the CPU, with a backward of its own.

What autograd would do for `softmax(q·kᵀ + mask)·v` on slices costs a zero-filled tensor of the pack's size for every
slice of every part, and copies to add them up. Here each part's gradient goes straight to its place. The weights of a
part, `[G, heads / G · row, prefix + row]`, are kept for the backward; the products are those of the plain computation.

A part's queries are cut in pieces where that gives every thread as many products: three groups of heads on two threads
would keep one of them waiting for a third of the time.
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
        shared = query.shape[0] // key.shape[0]
        out = torch.empty_like(query, memory_format=torch.contiguous_format)
        kept = []
        for part in parts:
            pieces = _pieces(query, key, part)
            q = _stacked(query, part, pieces * key.shape[0]) * scaling
            scores = torch.matmul(q, _seen(key, part, pieces).transpose(1, 2))
            weights = _added(scores, part.mask(shared, q.device, q.dtype), pieces).softmax(-1)
            out[:, part.row] = torch.matmul(weights, _seen(value, part, pieces)).view(
                query.shape[0], -1, query.shape[2]
            )
            kept.append(weights)
        ctx.save_for_backward(query, key, value, *kept)
        ctx.parts, ctx.scaling = parts, scaling
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        query, key, value, *kept = ctx.saved_tensors
        to_query = torch.empty_like(query, memory_format=torch.contiguous_format)
        to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
        for part, weights in zip(ctx.parts, kept, strict=True):
            pieces = weights.shape[0] // key.shape[0]
            slope = _stacked(grads[0], part, weights.shape[0])
            _add(to_value, part, torch.matmul(weights.transpose(1, 2), slope))
            slope = torch.matmul(slope, _seen(value, part, pieces).transpose(1, 2))
            slope = torch._softmax_backward_data(slope, weights, -1, weights.dtype)
            q = torch.matmul(slope, _seen(key, part, pieces)).mul_(ctx.scaling)
            to_query[:, part.row] = q.view(query.shape[0], -1, query.shape[2])
            q = _stacked(query, part, weights.shape[0])
            _add(to_key, part, torch.matmul(slope.transpose(1, 2), q).mul_(ctx.scaling))
        return to_query, to_key, to_value, None, None


def _pieces(query: torch.Tensor, key: torch.Tensor, part: Part) -> int:
    """Return into how many pieces the queries of a group are cut: the fewest that give all threads as much to do."""
    groups, threads = key.shape[0], torch.get_num_threads()
    queries = query.shape[0] // groups * (part.row.stop - part.row.start)
    whole = (n for n in range(1, threads + 1) if queries % n == 0 and n * groups % threads == 0)
    return next(whole, 1)


def _stacked(tensor: torch.Tensor, part: Part, pieces: int) -> torch.Tensor:
    """Return `[pieces, H · row / pieces, D]`: heads that share keys are stacked as more queries."""
    return tensor[:, part.row].reshape(pieces, -1, tensor.shape[2])


def _added(scores: torch.Tensor, mask: torch.Tensor, pieces: int) -> torch.Tensor:
    """Add the mask `[queries of a group, keys]` in place; the pieces of a group lie one after the other."""
    scores.view(-1, pieces, *scores.shape[1:]).add_(mask.view(pieces, -1, mask.shape[1]))
    return scores


def _seen(tensor: torch.Tensor, part: Part, pieces: int) -> torch.Tensor:
    """Return `[G · pieces, prefix + row, D]`."""
    seen = tensor[:, part.row]
    if part.prefix.start != part.prefix.stop:
        seen = torch.cat([tensor[:, part.prefix], seen], dim=1)
    return seen if pieces == 1 else seen.repeat_interleave(pieces, 0)


def _add(total: torch.Tensor, part: Part, gradient: torch.Tensor) -> None:
    """Add `[G · pieces, prefix + row, D]` to the part's places."""
    prefix, groups = part.prefix.stop - part.prefix.start, total.shape[0]
    if gradient.shape[0] != groups:
        gradient = gradient.view(groups, -1, *gradient.shape[1:]).sum(1)
    total[:, part.prefix] += gradient[:, :prefix]
    total[:, part.row] += gradient[:, prefix:]
