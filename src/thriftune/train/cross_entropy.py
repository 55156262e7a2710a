"""Cross-entropy at chosen positions, in chunks: never more than `CHUNK × vocabulary` logits are alive.

The gradient is computed together with the loss, chunk by chunk, so the logits are made once and nothing is kept of
them for the backward (the idea of Liger's and Apple's fused losses, here in plain torch for every device).
"""

from typing import Any

import torch

CHUNK = 512


def weighted_cross_entropy(
    hidden: torch.Tensor, table: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `Σ weights · cross-entropy` with gradient, and each cross-entropy without.

    Args:
        hidden: `[M, D]`, states that predict the targets. table: `[V, D]`, the weight of the output layer.
        targets: int64 `[M]`. weights: fp32 `[M]`.
        dtype: of the matrix products; the softmax is at least fp32.

    Returns:
        Scalar fp32, and fp32 `[M]` in nats.
    """
    learning = torch.is_grad_enabled()
    total, each = _Chunked.apply(hidden, table, targets, weights, dtype, learning)  # type: ignore[no-untyped-call]
    return total, each


class _Chunked(torch.autograd.Function):
    """The gradient with respect to the logits is `weight · (softmax − one-hot target)`."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        table: torch.Tensor,
        targets: torch.Tensor,
        weights: torch.Tensor,
        dtype: torch.dtype,
        learning: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        need_hidden, need_table = (learning and needed for needed in ctx.needs_input_grad[:2])
        low, matrix = hidden.to(dtype), table.to(dtype)
        exact = torch.promote_types(dtype, torch.float32)
        each = torch.empty(len(targets), dtype=exact, device=hidden.device)
        to_hidden = torch.empty_like(hidden) if need_hidden else None
        to_table = torch.zeros_like(table) if need_table else None
        for start in range(0, len(targets), CHUNK):
            part = slice(start, start + CHUNK)
            scores = (low[part] @ matrix.T).to(exact)
            log_total = scores.logsumexp(-1, keepdim=True)
            each[part] = (log_total - scores.gather(1, targets[part, None]))[:, 0]
            if need_hidden or need_table:
                weight = weights[part, None].to(exact)
                slope = scores.sub_(log_total - weight.log()).exp_()  # weight · softmax, one pass for both
                slope = slope.scatter_add_(1, targets[part, None], -weight).to(dtype)
                if to_hidden is not None:
                    to_hidden[part] = slope @ matrix
                if to_table is not None:
                    _add_product(to_table, slope.T, low[part])
        ctx.save_for_backward(to_hidden, to_table)
        ctx.mark_non_differentiable(each)
        return (each * weights).sum(), each

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Any, ...]:
        to_hidden, to_table = ctx.saved_tensors
        scale = grads[0]
        return (
            None if to_hidden is None else to_hidden.mul_(scale),  # nobody else holds them
            None if to_table is None else to_table.mul_(scale),
            None,
            None,
            None,
            None,
        )


def _add_product(total: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add `left @ right` in place, without another tensor of the table's size where the dtypes allow it."""
    if total.dtype == left.dtype:
        total.addmm_(left, right)
    else:
        total += left @ right
