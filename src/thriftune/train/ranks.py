"""Several processes: who is who, and what they tell each other. `torchrun` or Ray Train starts them.

Rank 0 is the one that writes; one process alone is rank 0 of 1, and every function here is then free of cost.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")
PATIENCE = timedelta(hours=2)  # the others wait while rank 0 validates input or writes


def count() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Return the number of this process, from 0."""
    return int(os.environ.get("RANK", "0"))


@contextmanager
def together() -> Iterator[None]:
    """Join the group of processes: NCCL where each has a GPU of its own, gloo on CPUs; Ray Train has joined it."""
    import torch
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if distributed.is_initialized():
        yield
        return
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def tell(value: T) -> T:
    """Return what rank 0 holds, on every rank."""
    if count() == 1:
        return value
    from torch import distributed

    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


_called = False


def call(work: T) -> T:
    """Call the others, who wait in `tell`, to this work: once a process."""
    global _called
    _called = True
    return tell(work)


def dismiss() -> None:
    """Tell the others that there is nothing to do, unless they were called: then they know, or torchrun ends them."""
    if not _called:
        tell(None)


def gather(value: T) -> list[T]:
    """Return what each rank holds, in the order of ranks."""
    if count() == 1:
        return [value]
    from torch import distributed

    found: list[T] = [value] * count()
    distributed.all_gather_object(found, value)
    return found


def total(values: Sequence[float]) -> list[float]:
    """Return the sums over the ranks."""
    return [sum(column) for column in zip(*gather(list(values)), strict=True)]
