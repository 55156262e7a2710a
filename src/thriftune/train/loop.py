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

from thriftune.files import append_record, read_lines, write_text
from thriftune.recipe import Train
from thriftune.students.load import Student
from thriftune.train import checkpoints, ranks
from thriftune.train.batches import Row, shares
from thriftune.train.compute import steps_within
from thriftune.train.losses import mean_losses
from thriftune.train.meter import Meter
from thriftune.train.optimizers import optimizer_of
from thriftune.train.parallel import Computation
from thriftune.train.step import step

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
    torch.manual_seed(settings.seed + ranks.rank())  # dropout differs from rank to rank
    total = total_steps(rows, settings)
    computation = Computation(student, settings)
    optimizer = optimizer_of(student, settings)  # behind the wrapping: FSDP2 puts shares in the parameters' place
    done, spent = _resume(folder, student, optimizer)
    meter = Meter(student, settings, optimizer)
    checkpointed = time.monotonic()
    per_epoch = len(epoch_batches(rows, settings, 0))
    batches: list[list[Row]] = []
    for number in range(done, total):
        started = time.monotonic()
        before = position(number, spent, total, settings)
        if before >= total:
            break
        epoch, place = divmod(number, per_epoch)
        if place == 0 or not batches:
            batches = epoch_batches(rows, settings, epoch)
        batch = batches[place]
        micro = shares(batch, ranks.count(), settings.micro_tokens, student.kind == "seq2seq")
        every = [part for share in micro for part in share if part]
        rate = learning_rate(before, total, settings)
        with meter.watch(every) as held:
            record = step(computation, optimizer, batch, micro[ranks.rank()], rate, settings, held)
        # rank 0's clock is everyone's: what depends on time must not differ between ranks
        seconds, due = ranks.tell(_clock(started, checkpointed, settings))
        spent += seconds
        after = position(number + 1, spent, total, settings)
        record |= {"step": number + 1, "seconds": round(seconds, 4), **meter.speed(every, record, seconds)}
        if _validates(before, after, total, settings) and valid:
            means = mean_losses(student, valid, settings.micro_tokens, computation)
            record |= {f"valid_{name}": value for name, value in means.items()}
        done = number + 1
        if ranks.rank() == 0:
            append_record(folder / "metrics.jsonl", record)
            progress(after, total, f"step {done}, label loss {record['label_loss']:.3f}")
        if due and after < total:
            checkpoints.save(folder, student.model, optimizer, {"step": done, "seconds": spent})
            checkpointed = time.monotonic()
    figures = {"steps": done, "train_seconds": round(spent, 3), "processes": ranks.count()}
    if ranks.rank() == 0:
        records = [value for _, value in read_lines(folder / "metrics.jsonl")]
        figures |= {"tokens": sum(record["tokens"] for record in records), **meter.figures(records, max(spent, 1e-9))}
    return figures


def _clock(started: float, checkpointed: float, settings: Train) -> tuple[float, bool]:
    now = time.monotonic()
    return now - started, now - checkpointed > settings.checkpoint_minutes * 60


def _resume(folder: Path, student: Student, optimizer: torch.optim.Optimizer) -> tuple[int, float]:
    state = checkpoints.load(folder, student.model, optimizer)
    metrics = folder / "metrics.jsonl"
    if ranks.rank() == 0:
        kept = [] if state is None else [value for _, value in read_lines(metrics) if value["step"] <= state["step"]]
        write_text(metrics, "".join(json.dumps(value) + "\n" for value in kept))
    return (0, 0.0) if state is None else (state["step"], state["seconds"])


def _validates(before: int, after: int, total: int, settings: Train) -> bool:
    if settings.validations == 0:
        return False
    every = max(1, total // settings.validations)
    return after // every > before // every or after >= total
