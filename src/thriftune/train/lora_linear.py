"""LoRA's layers on the CPU in fewer passes over memory: `y = base(x) + s·dropout(x)·Aᵀ·Bᵀ` (Hu et al. 2021).

PEFT writes the product, its scaling and the sum as tensors of their own, and torch draws the dropout of each layer with
one number of 64 bits per element: together a quarter of a step with SmolLM2-135M. Here the product is added in place,
its backward is written out, and one number decides four elements. Values and gradients are PEFT's; which elements are
dropped is another draw of the same kind.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_LEVELS = 1 << 16  # the share of what is dropped is rounded to one of so many


@contextmanager
def fewer_passes(model: Any) -> Iterator[None]:
    """Let the LoRA layers of a model on the CPU compute in this way inside the block; others stay as they are."""
    chosen = [module for module in model.modules() if _is_plain(module)]
    for module in chosen:
        module.forward = _Forward(module)
    try:
        yield
    finally:
        for module in chosen:
            del module.forward


def _is_plain(module: Any) -> bool:
    """One adapter of the usual kind in fp32; DoRA and the like, several adapters and biases are PEFT's own."""
    names = list(getattr(module, "lora_A", ()))
    if len(names) != 1 or names != list(module.active_adapters) or module.lora_variant:
        return False
    a, b = module.lora_A[names[0]], module.lora_B[names[0]]
    weights = [a.weight, b.weight] if type(a) is type(b) is torch.nn.Linear else []
    usable = all(w.device.type == "cpu" and w.dtype == torch.float32 for w in weights)
    return bool(weights) and usable and a.bias is None and b.bias is None


class _Forward:
    """Stands for the `forward` of a layer of PEFT."""

    def __init__(self, module: Any) -> None:
        self._module = module
        (self._name,) = module.lora_A

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        module, name = self._module, self._name
        if module.merged or module.disable_adapters or torch.is_autocast_enabled("cpu") or x.dtype != torch.float32:
            return type(module).forward(module, x)  # type: ignore[no-any-return]
        dropped = getattr(module.lora_dropout[name], "p", 0.0) if module.training else 0.0
        a, b = module.lora_A[name].weight, module.lora_B[name].weight
        return adapted(module.base_layer(x), x, a, b, module.scaling[name], dropped)


def adapted(
    y: torch.Tensor, x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scaling: float, dropped: float
) -> torch.Tensor:
    """Return `y + scaling · dropout(x)·aᵀ·bᵀ`; `y` is overwritten.

    Args:
        y: `[…, O]`. x: `[…, I]`. a: `[r, I]`. b: `[O, r]`, all of one dtype.
        dropped: the share of the elements of `x` that are dropped, rounded to 1/65,536.
    """
    return _Adapted.apply(y, x, a, b, scaling, dropped)  # type: ignore[no-any-return, no-untyped-call]


class _Adapted(torch.autograd.Function):
    """With `u = xₘ·aᵀ`, `v = dy·b`: `db = s·dyᵀ·u`, `da = s·vᵀ·xₘ`, `dx = s·v·a` where nothing was dropped."""

    @staticmethod
    def forward(
        ctx: Any,
        y: torch.Tensor,
        x: torch.Tensor,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
        dropped: float,
    ) -> torch.Tensor:
        flat, hidden = x.reshape(-1, x.shape[-1]), None
        if dropped:
            hidden = _draw(flat.shape, dropped)
            flat = flat.masked_fill(hidden, 0.0)
        ctx.scale = scaling / (1 - dropped)
        low = flat @ a.T
        y.view(-1, y.shape[-1]).addmm_(low, b.T, alpha=ctx.scale)
        ctx.mark_dirty(y)
        ctx.save_for_backward(flat, low, a, b, hidden)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[Any, ...]:
        flat, low, a, b, hidden = ctx.saved_tensors
        slope = grads[0].reshape(-1, grads[0].shape[-1])
        narrow = (slope @ b).mul_(ctx.scale)
        to_x = None
        if ctx.needs_input_grad[1]:
            to_x = narrow @ a
            to_x = to_x if hidden is None else to_x.masked_fill_(hidden, 0.0)
            to_x = to_x.view(*grads[0].shape[:-1], -1)
        return grads[0], to_x, narrow.T @ flat, (slope.T @ low).mul_(ctx.scale), None, None


def _draw(shape: torch.Size, share: float) -> torch.Tensor:
    """Return bool of `shape`, true with probability `share`: sixteen bits decide an element."""
    count = shape.numel()
    bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]
    return (bits < round(share * _LEVELS) - _LEVELS // 2).view(shape)
