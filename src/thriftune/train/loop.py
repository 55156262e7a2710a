"""The training loop: one for all modalities and both kinds of student.

Writes `metrics.jsonl` (one record a step) and a checkpoint every few minutes. Stops at the last step of the schedule;
started again after a kill it goes on from the checkpoint, with the same data order and random numbers.
"""

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from thriftune.errors import StudentError
from thriftune.recipe import Train
from thriftune.runs import append_record, read_lines, write_text
from thriftune.students.load import Student
from thriftune.train import checkpoints
from thriftune.train.batches import Row, micro_batches, scale_of
from thriftune.train.compute import steps_within
from thriftune.train.loss import loss_of
from thriftune.train.losses import mean_losses

Progress = Callable[[int, int, str], None]


def total_steps(rows: Sequence[Row], settings: Train) -> int:
    """Return the number of optimizer steps of a training."""
    if settings.max_tokens:
        return steps_within(lambda epoch: epoch_batches(rows, settings, epoch), settings, settings.max_tokens)
    steps = settings.epochs * len(epoch_batches(rows, settings, 0))
    return min(steps, settings.max_steps) if settings.max_steps else steps


def epoch_batches(rows: Sequence[Row], settings: Train, epoch: int) -> list[list[Row]]:
    """Return the effective batches of an epoch: a fresh shuffle that depends on the seed and the epoch alone.

    A batch holds rows of one prefix, which is then computed once; what is left over makes mixed batches at the end.
    """
    chance = random.Random(f"{settings.seed}:{epoch}")
    shuffled = chance.sample(rows, len(rows))
    batches: list[list[Row]] = []
    rest: list[Row] = []
    for prefix in dict.fromkeys(row.prefix for row in rows):
        own = [row for row in shuffled if row.prefix == prefix]
        whole = len(own) // settings.batch * settings.batch
        batches += [own[start : start + settings.batch] for start in range(0, whole, settings.batch)]
        rest += own[whole:]
    batches += [rest[start : start + settings.batch] for start in range(0, len(rest), settings.batch)]
    return chance.sample(batches, len(batches))


def learning_rate(step: int, total: int, settings: Train) -> float:
    """Return the learning rate of step `step` (from 0): linear warm-up, then the schedule down to 0."""
    warmup = max(1, round(settings.warmup * total))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = (step - warmup) / max(1, total - warmup)
    factor = 1 - progress if settings.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return settings.learning_rate * factor


def position(step: int, seconds: float, total: int, settings: Train) -> int:
    """Return how far in the schedule of `total` steps a training is: by its steps, or by the time it may take."""
    if settings.max_minutes is None:
        return step
    return min(total, max(step, int(total * seconds / (60 * settings.max_minutes))))


def fit(
    student: Student, rows: Sequence[Row], valid: Sequence[Row], settings: Train, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Train the student in place; return figures for the manifest.

    Args:
        rows, valid: training rows, and rows whose loss is measured `settings.validations` times.
        folder: where `metrics.jsonl` and the checkpoint are written.
        progress: called with (steps done, steps in all, text).
    """
    torch.manual_seed(settings.seed)
    total = total_steps(rows, settings)
    optimizer = _optimizer(student, settings)
    done, spent, seen = _resume(folder, student, optimizer)
    checkpointed = time.monotonic()
    per_epoch = len(epoch_batches(rows, settings, 0))
    batches: list[list[Row]] = []
    for step in range(done, total):
        started = time.monotonic()
        before = position(step, spent, total, settings)
        if before >= total:
            break
        epoch, place = divmod(step, per_epoch)
        if place == 0 or not batches:
            batches = epoch_batches(rows, settings, epoch)
        batch = batches[place]
        record = _step(student, optimizer, batch, learning_rate(before, total, settings), settings)
        spent += time.monotonic() - started
        after = position(step + 1, spent, total, settings)
        seen += record["tokens"]
        record |= {"step": step + 1, "seconds": round(time.monotonic() - started, 4)}
        if _validates(before, after, total, settings) and valid:
            means = mean_losses(student, valid, settings.micro_tokens)
            record |= {f"valid_{name}": value for name, value in means.items()}
        append_record(folder / "metrics.jsonl", record)
        done = step + 1
        progress(after, total, f"step {done}, label loss {record['label_loss']:.3f}")
        if time.monotonic() - checkpointed > settings.checkpoint_minutes * 60 and after < total:
            state = {"step": step + 1, "seconds": spent, "tokens": seen}
            checkpoints.save(folder, student.model, optimizer, state)
            checkpointed = time.monotonic()
    return {"steps": done, "train_seconds": round(spent, 3), "tokens": seen}


def _step(
    student: Student, optimizer: torch.optim.Optimizer, batch: list[Row], rate: float, settings: Train
) -> dict[str, Any]:
    student.model.train()
    scale = scale_of(batch, settings.weight)
    total = labels = rationales = 0.0
    for rows in micro_batches(batch, settings.micro_tokens):
        loss = loss_of(student, rows, scale)
        loss.total.backward()
        total += float(loss.total.detach())
        labels += loss.label_sum
        rationales += loss.rationale_sum
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
    if not math.isfinite(total) or not math.isfinite(float(norm)):
        raise StudentError("the training diverged (the loss is not a number). Lower train.learning_rate and run again")
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    record = {
        "loss": total,
        "label_loss": labels / max(1, sum(row.label_tokens for row in batch)),
        "gradient_norm": float(norm),
        "learning_rate": rate,
        "tokens": sum(row.label_tokens + row.rationale_tokens for row in batch),
        "examples": len(batch),
    }
    if count := sum(row.rationale_tokens for row in batch):
        record["rationale_loss"] = rationales / count
    return record


def _optimizer(student: Student, settings: Train) -> torch.optim.Optimizer:
    """AdamW, as in the paper."""
    trainable = [p for p in student.model.parameters() if p.requires_grad]
    # one group in the order of the model, so that a checkpoint's moments find their parameter again
    decay = settings.weight_decay
    return torch.optim.AdamW(trainable, lr=settings.learning_rate, weight_decay=decay, fused=True)


def _resume(folder: Path, student: Student, optimizer: torch.optim.Optimizer) -> tuple[int, float, int]:
    state = checkpoints.load(folder, student.model, optimizer)
    metrics = folder / "metrics.jsonl"
    if state is None:
        metrics.unlink(missing_ok=True)
        return 0, 0.0, 0
    kept = [json.dumps(value) for _, value in read_lines(metrics) if value["step"] <= state["step"]]
    write_text(metrics, "".join(line + "\n" for line in kept))
    return state["step"], state["seconds"], state["tokens"]


def _validates(before: int, after: int, total: int, settings: Train) -> bool:
    if settings.validations == 0:
        return False
    every = max(1, total // settings.validations)
    return after // every > before // every or after >= total
