"""Which bytes a step holds at its peak, by kind: parameters, gradients, optimizer state, activations, temporaries.

Every tensor that an operation makes is followed until its memory is freed, so the figures are those of this step and
not an estimate. Not counted: what kernels hold inside themselves, the interpreter, and what is read from files.
"""

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

KINDS = ("parameters", "gradients", "optimizer", "activations", "temporaries")


class Held(TorchDispatchMode):
    """Follow the bytes of one optimizer step; `peak` has them by kind, at the moment their sum was highest.

    *activations* are made in the forward and kept for the backward (with logits and losses); *temporaries* are made in
    the backward and the optimizer: gradients on their way, and activations that checkpointing computes again.
    """

    def __init__(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._now = dict.fromkeys(KINDS, 0)
        self._kind: dict[int, str] = {}
        self.peak: dict[str, int] = dict(self._now)
        self._hooks = [
            p.register_post_accumulate_grad_hook(self._gradient) for p in model.parameters() if p.requires_grad
        ]
        for tensor in (*model.parameters(), *model.buffers()):
            self._follow(tensor, "parameters")
        for tensor in tree_leaves(list(optimizer.state.values()) if optimizer else []):
            self._follow(tensor, "optimizer")
        self.phase = "activations"

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        kind = "temporaries" if torch._C._current_autograd_node() is not None else self.phase
        for tensor in tree_leaves(out):
            self._follow(tensor, kind)
        return out

    def __exit__(self, *error: Any) -> None:
        for hook in self._hooks:
            hook.remove()
        super().__exit__(*error)  # type: ignore[no-untyped-call]

    def _follow(self, tensor: Any, kind: str) -> None:
        if not isinstance(tensor, torch.Tensor) or tensor.device.type == "meta":
            return
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in self._kind:
            self._add(key, kind, storage.nbytes())
            weakref.finalize(storage, self._freed, key, storage.nbytes()).atexit = False

    def _add(self, key: int, kind: str, size: int) -> None:
        self._kind[key] = kind
        self._now[kind] += size
        if sum(self._now.values()) > sum(self.peak.values()):
            self.peak = dict(self._now)

    def _freed(self, key: int, size: int) -> None:
        self._now[self._kind.pop(key)] -= size

    def _gradient(self, parameter: torch.Tensor) -> None:
        if parameter.grad is not None:
            storage = parameter.grad.untyped_storage()
            self._follow(parameter.grad, "gradients")
            self._now[self._kind[storage._cdata]] -= storage.nbytes()
            self._add(storage._cdata, "gradients", storage.nbytes())
