"""Tensor bytes that are alive, by kind, and their peaks: works on real and on fake tensors alike.

A storage counts from the operation that made it until nothing holds it. What kernels take and give back inside one
operation is not seen; bitsandbytes' product is named, because the weight that it unpacks is as large as a layer.
"""

import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

KINDS = (
    "parameters",
    "gradients",
    "optimizer",
    "activations",
    "logits",
    "casts",
    "quantisation",
    "temporaries",
)


@dataclass
class Segment:
    """The peak between two marks. `bytes` has the live bytes of each kind at that moment."""

    name: str
    total: int
    bytes: dict[str, int]


@dataclass
class _Storage:
    size: int
    kind: str
    alive: "weakref.ref[Any] | None" = field(default=None, repr=False)


class Meter(TorchDispatchMode):
    """Counts the bytes of all storages made inside the block, and of those it was told to `watch`.

    Attributes:
        widths: sizes of the last dimension that make a matrix of floats one of logits.
        phase: the kind of what is made now: `activations` in the forward pass, `temporaries` elsewhere.
        segments: the peaks between marks, in order.
    """

    def __init__(self, widths: Iterable[int] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.widths = set(widths)
        self.phase = "temporaries"
        self.segments: list[Segment] = []
        self._storages: dict[int, _Storage] = {}
        self._live = dict.fromkeys(KINDS, 0)
        self._total = 0
        self._peak = Segment("", 0, dict(self._live))

    @property
    def total(self) -> int:
        """Bytes alive now."""
        return self._total

    @property
    def peak(self) -> Segment:
        """The highest segment so far."""
        return max([*self.segments, self._peak], key=lambda segment: segment.total)

    def watch(self, tensors: Iterable[torch.Tensor], kind: str) -> None:
        """Count these tensors as `kind`, whatever they counted as before."""
        for tensor in tensors:
            self._see(tensor, kind, known_as=kind)

    def mark(self, name: str) -> None:
        """End a segment and begin the next."""
        self.segments.append(Segment(name, self._peak.total, self._peak.bytes))
        self._peak = Segment("", self._total, dict(self._live))

    def restart(self) -> None:
        """Forget the segments so far; what is alive stays counted."""
        self.segments.clear()
        self._peak = Segment("", self._total, dict(self._live))

    def kind_of(self, tensor: Any) -> str | None:
        """Return the kind a tensor's storage counts as; None where it was never seen."""
        found = self._storages.get(tensor.untyped_storage()._cdata) if isinstance(tensor, torch.Tensor) else None
        return found.kind if found else None

    @contextmanager
    def making(self, phase: str) -> Iterator[None]:
        """Let what is made inside the block count as `phase`."""
        before, self.phase = self.phase, phase
        try:
            yield
        finally:
            self.phase = before

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count what it made."""
        out = func(*args, **(kwargs or {}))
        name = func._schema.name
        if name == "bitsandbytes::gemm_4bit":
            self._pass_through(args[2][0] * args[2][1] * args[0].element_size())
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._see(tensor, self._kind(name, tensor, args))
        return out

    def _kind(self, name: str, made: torch.Tensor, args: Any) -> str:
        if name.startswith("bitsandbytes::dequantize"):
            return "quantisation"
        if name == "aten::_to_copy" and self.kind_of(args[0]) == "parameters":
            return "casts"
        if made.dim() >= 2 and made.shape[-1] in self.widths and made.is_floating_point():
            return "logits"
        return self.phase

    def _pass_through(self, size: int) -> None:
        """Count bytes that an operation takes and gives back."""
        self._add("quantisation", size)
        self._add("quantisation", -size)

    def _see(self, tensor: torch.Tensor, kind: str, known_as: str | None = None) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        found = self._storages.get(key)
        if found is None:
            alive = weakref.ref(storage, partial(self._gone, key))
            self._storages[key] = _Storage(size, kind, alive)
            self._add(kind, size)
        elif size != found.size or (known_as and known_as != found.kind):
            self._add(found.kind, -found.size)
            found.size, found.kind = size, known_as or found.kind
            self._add(found.kind, size)

    def _gone(self, key: int, _: Any) -> None:
        found = self._storages.pop(key)
        self._add(found.kind, -found.size)

    def _add(self, kind: str, size: int) -> None:
        self._live[kind] += size
        self._total += size
        if self._total > self._peak.total:
            self._peak = Segment("", self._total, dict(self._live))
