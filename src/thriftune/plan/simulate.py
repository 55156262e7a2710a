"""Peak bytes of a training step without a model: our own step, run on tensors that have shapes alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from thriftune.plan.depth import SHALLOW, extrapolated
from thriftune.plan.fake import depth_of, make_student, with_depth, without_values
from thriftune.plan.meter import Meter, Segment
from thriftune.plan.step import metered
from thriftune.recipe import Train
from thriftune.train.batches import Row


@dataclass(frozen=True)
class Case:
    """What is simulated beside the model's config.

    Attributes:
        train: the recipe's section; of it count all that shapes the step: modality, rank, checkpointing, optimizer, …
        micros: the micro-batches of one effective batch; the token ids may be any.
        precision: of the products.
        candidates: tokens of the domain that the softmax runs over; None for the whole vocabulary.
        kernels: of the device to train on.
    """

    train: Train
    micros: Sequence[list[Row]]
    precision: Literal["fp32", "bf16"]
    candidates: int | None = None
    kernels: Literal["cpu", "cuda"] = "cpu"


def peak_of(config: Any, case: Case) -> Segment:
    """Return the peak of an optimizer step: bytes by kind, and the moment.

    Models of more than `SHALLOW` like layers are run at two depths and extrapolated; others are run whole.

    Raises:
        MissingPackage: QLoRA is asked for without bitsandbytes.
        StudentError: the model cannot be packed, or `train.targets` names no module of it.
    """
    depth = depth_of(config)
    if depth is None or depth <= max(SHALLOW):
        return _run(config, case).peak
    shallow = [_run(with_depth(config, layers), case).segments for layers in SHALLOW]
    return extrapolated(shallow, depth)


def _run(config: Any, case: Case) -> Meter:
    student = make_student(config, case.train, case.precision)
    with without_values(student.model, case.kernels):
        if case.candidates is not None and student.kind == "causal":
            student.candidates = torch.arange(case.candidates)
        return metered(student, case.micros, case.train)
