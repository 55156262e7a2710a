"""The DSS computation as one module's forward, so that DDP and FSDP2 see it whole; alone, or wrapped in either.

DDP and FSDP2 gather weights before a module's forward and reduce gradients behind its backward. Packs, both branches
and the loss are computed inside that one forward, where the output layer's weight, which the loss uses, is whole.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from thriftune.errors import StudentError
from thriftune.recipe import Train
from thriftune.students.load import Student
from thriftune.train import ranks
from thriftune.train.batches import Row, Scale
from thriftune.train.loss import Loss, loss_of, unwrapped


class Dss(torch.nn.Module):
    """Calls `loss_of`; returns the fields of `Loss` as tensors, which the wrappers' hooks can find."""

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.model = student.model
        self._student = student

    def forward(self, rows: list[Row], scale: Scale) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Run the student on one micro-batch."""
        loss = loss_of(self._student, rows, scale)
        return loss.total, loss.each, loss.is_label, loss.rows


class Computation:
    """The student's loss on this rank. Call it with a micro-batch and the weights of its tokens.

    Raises:
        StudentError: what is to be shared cannot be.
    """

    def __init__(self, student: Student, settings: Train) -> None:
        self.student = student
        self.module: torch.nn.Module = Dss(student)
        if ranks.count() > 1:
            self.module = _shared(self.module, settings) if settings.parallel == "fsdp" else _copied(self.module)

    def __call__(self, rows: list[Row], scale: Scale) -> Loss:
        """Return the micro-batch's share of the loss."""
        return Loss(*self.module(rows, scale))

    def backward(self, loss: Loss) -> None:
        """Add the gradient of the sum over ranks: the wrappers give the mean, so each share counts that often."""
        (loss.total * ranks.count()).backward()

    def accumulating(self, more: bool) -> AbstractContextManager[None]:
        """Return the context of one micro-batch: copies exchange gradients once, with the last; shares each time."""
        if more and isinstance(self.module, DistributedDataParallel):
            return self.module.no_sync()
        return nullcontext()


def _copied(module: torch.nn.Module) -> torch.nn.Module:
    # no buffers: they are constants (rotary frequencies)
    return DistributedDataParallel(module, broadcast_buffers=False, gradient_as_bucket_view=True)


def _shared(module: torch.nn.Module, settings: Train) -> torch.nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if settings.modality == "qlora":
        raise StudentError("train.parallel: fsdp cannot share 4-bit weights. Use ddp, or train.modality: lora")
    student: Any = module._student
    mesh = init_device_mesh(student.device.type, (ranks.count(),))
    blocks = set(getattr(unwrapped(student.model), "_no_split_modules", None) or ())
    for block in [each for each in student.model.modules() if type(each).__name__ in blocks]:
        fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)
    return module
