"""One optimizer step on an effective batch, on however many processes."""

import math
from typing import Any

import torch

from thriftune.errors import StudentError
from thriftune.recipe import Train
from thriftune.train import ranks
from thriftune.train.batches import NOTHING, Row, scale_of
from thriftune.train.held import Held
from thriftune.train.parallel import Computation


def step(
    computation: Computation,
    optimizer: torch.optim.Optimizer,
    batch: list[Row],
    micro: list[list[Row]],
    rate: float,
    settings: Train,
    held: Held | None = None,
) -> dict[str, Any]:
    """Step the optimizer by the gradient of the effective batch; return the record of the step.

    Args:
        batch: the rows of all ranks. micro: this rank's micro-batches; an empty one keeps pace with the others.
        rate: the learning rate. held: follows the memory.

    Raises:
        StudentError: the loss or its gradient is not a number.
    """
    sums = ranks.total(accumulate(computation, batch, micro, settings))
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = whole(torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm))
    if not math.isfinite(sums[0]) or not math.isfinite(float(norm)):
        raise StudentError("the training diverged (the loss is not a number). Lower train.learning_rate and run again")
    for group in optimizer.param_groups:
        group["lr"] = rate
    if held:
        held.phase = "optimizer"
    optimizer.step()
    optimizer.zero_grad()
    record = {
        "loss": sums[0],
        "label_loss": sums[1] / max(1, sum(row.label_tokens for row in batch)),
        "gradient_norm": float(norm),
        "learning_rate": rate,
        "tokens": sum(row.label_tokens + row.rationale_tokens for row in batch),
        "examples": len(batch),
    }
    if count := sum(row.rationale_tokens for row in batch):
        record["rationale_loss"] = sums[2] / count
    return record | ({"bytes": held.peak} if held else {})


def accumulate(
    computation: Computation, batch: list[Row], micro: list[list[Row]], settings: Train
) -> tuple[float, float, float]:
    """Add the gradient of the effective batch; return this rank's loss, label sum and rationale sum (nats).

    The weights of the tokens are counted over the whole batch, so its split over micro-batches and ranks is free.
    """
    computation.student.model.train()
    scale = scale_of(batch, settings.weight)
    total = labels = rationales = 0.0
    for place, rows in enumerate(micro):
        with computation.accumulating(more=place + 1 < len(micro)):
            loss = computation(rows or batch[:1], scale if rows else NOTHING)
            computation.backward(loss)
        if rows:
            total += float(loss.total.detach())
            labels += loss.label_sum
            rationales += loss.rationale_sum
    return total, labels, rationales


def whole(tensor: Any) -> torch.Tensor:
    """Return a tensor of which each rank holds a share (FSDP2) as a whole; any other as it is."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor  # type: ignore[no-any-return]
