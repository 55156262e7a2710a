"""Fake tensors whose integers are real: shapes that depend on values, such as a mask's, come out as they would.

Under PyTorch's `FakeTensorMode` no tensor has values, so `logits[labels != -100]` has no shape. A training step decides
shapes by token ids and masks alone, and these are small: integers and booleans are computed twice, once fake and once
for real. A float that is read back (the loss, a norm) is 1.
"""

from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakTensorKeyDictionary

_LIMIT = 1 << 24  # elements; a larger tensor of integers is not what decides shapes
_SHAPED_BY_VALUES = ("aten::nonzero", "aten::_unique2", "aten::unique_dim", "aten::masked_select")
_INDEXING = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class Values(TorchDispatchMode):
    """Keeps the values of integers and booleans inside a block of `FakeTensorMode`, which is entered first."""

    def __init__(self, fake: FakeTensorMode) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fake = fake
        self._known = WeakTensorKeyDictionary()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation on fake tensors, and for real where all its inputs have values."""
        kwargs = kwargs or {}
        name = func._schema.name
        if name == "aten::_local_scalar_dense":
            return self._read(args[0])
        if name.startswith("aten::lift_fresh"):
            return self._keep(func(*args, **kwargs), self.value(args[0]))
        if name in _INDEXING:
            args = (args[0], [place for index in args[1] for place in self._places(index)], *args[2:])
        if not self._all_known(args, kwargs):
            return func(*args, **kwargs)
        if name in _SHAPED_BY_VALUES:
            return self._wrapped(self._really(func, args, kwargs))
        out = func(*args, **kwargs)
        tensors = [tensor for tensor in tree_leaves(out) if isinstance(tensor, torch.Tensor)]
        if tensors and all(not tensor.dtype.is_floating_point and tensor.numel() < _LIMIT for tensor in tensors):
            real = self._really(func, args, kwargs)
            for made, value in zip(tensors, tree_leaves(real), strict=False):
                self._keep(made, value)
        return out

    def value(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return the values of a fake tensor, where they are known."""
        if not isinstance(tensor, FakeTensor):
            return tensor
        found: torch.Tensor | None = self._known.get(tensor)
        return found

    def _all_known(self, args: Any, kwargs: Any) -> bool:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        return all(self.value(tensor) is not None for tensor in tensors)

    def _really(self, func: Any, args: Any, kwargs: Any) -> Any:
        args, kwargs = tree_map_only(torch.Tensor, self.value, (args, kwargs))
        with unset_fake_temporarily():
            return func(*args, **kwargs)

    def _wrapped(self, real: Any) -> Any:
        return tree_map_only(torch.Tensor, lambda value: self._keep(self._fake.from_tensor(value), value), real)

    def _keep(self, made: torch.Tensor, value: torch.Tensor | None) -> torch.Tensor:
        if value is not None:
            self._known[made] = value
        return made

    def _read(self, tensor: torch.Tensor) -> Any:
        known = self.value(tensor)
        if known is None:
            return 1.0 if tensor.dtype.is_floating_point else 1
        with unset_fake_temporarily():
            return known.item()

    def _places(self, index: Any) -> list[Any]:
        """A mask as an index becomes the places where it is true, one tensor for each of its dimensions."""
        if not isinstance(index, torch.Tensor) or index.dtype != torch.bool:
            return [index]
        known = self.value(index)
        if known is None:
            raise RuntimeError("a tensor is indexed by a mask whose values are not known")  # a bug of ours
        with unset_fake_temporarily():
            places = known.nonzero(as_tuple=True)
        return [self._keep(self._fake.from_tensor(place), place) for place in places]
