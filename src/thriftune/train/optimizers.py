"""The optimizers: AdamW, and AdamW with moments in 8 bits where bitsandbytes is installed."""

from typing import Any

import torch

from thriftune.errors import MissingPackage, RecipeError
from thriftune.recipe import Train
from thriftune.students.load import Student
from thriftune.train import ranks


def optimizer_of(student: Student, settings: Train) -> torch.optim.Optimizer:
    """Return the optimizer of the trainable parameters, in one group in the order of the model.

    Raises:
        MissingPackage: bitsandbytes is not installed.
        RecipeError: the optimizer does not work on this device, or not with shares of parameters.
    """
    trainable = [p for p in student.model.parameters() if p.requires_grad]
    keys: dict[str, Any] = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(trainable, fused=True, **keys)
    _refuse(student, settings)
    try:
        import bitsandbytes
    except ImportError as error:
        raise MissingPackage("thriftune[qlora]", f"train.optimizer: {settings.optimizer} needs bitsandbytes") from error
    optim: Any = bitsandbytes.optim
    kind = optim.AdamW8bit if settings.optimizer == "adamw_8bit" else optim.PagedAdamW8bit
    made: torch.optim.Optimizer = kind(trainable, **keys)
    return made


def _refuse(student: Student, settings: Train) -> None:
    if settings.optimizer == "paged_adamw_8bit" and student.device.type != "cuda":
        raise RecipeError(
            "train.optimizer: paged_adamw_8bit needs a CUDA GPU (there is nothing to page). Use adamw_8bit"
        )
    if settings.parallel == "fsdp" and ranks.count() > 1:
        raise RecipeError(
            f"train.optimizer: {settings.optimizer} cannot work on shares of parameters. Use adamw, or ddp"
        )
