"""A few minutes of training in each modality that fits, and of the chosen one on more and more lessons: what it takes.

Writes `pilot.jsonl` in the run folder, one trial a line; a trial that is there for the same content is not done again.
Trials of modalities take the same time, so that what is better is better for the time; trials of sizes take one pass.
"""

import gc
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from thriftune.files import append_record, content_id, file_id, read_lines, read_records
from thriftune.plan.make import Plan
from thriftune.plan.options import Option
from thriftune.progress import Progress
from thriftune.recipe import Recipe, Train
from thriftune.records import Lesson, dump_section
from thriftune.runs import Run
from thriftune.students.load import load_for_training
from thriftune.tasks.base import Task
from thriftune.train.loop import fit
from thriftune.train.losses import example_losses, packing, rows_of
from thriftune.train.memory import keep_memory, peak_bytes, reset_peak
from thriftune.train.vocabulary import domain_ids
from thriftune.version import VERSION

TRIALS = "pilot.jsonl"
SMALLEST = 25  # lessons
_VALID = 40  # lessons whose loss is measured: enough for an interval, few enough for seconds
_WARM_UP = 2  # steps


@dataclass(frozen=True)
class Trial:
    """What is trained: an option of the plan on so many lessons, for so many minutes or for one pass."""

    option: Option
    lessons: int
    minutes: float | None

    def train(self, train: Train) -> Train:
        """Return the recipe's training cut to the trial."""
        changes: dict[str, Any] = {
            "modality": self.option.modality,
            "micro_tokens": self.option.micro_tokens,
            "checkpointing": self.option.checkpointing,
            "max_minutes": self.minutes,
            "validations": 0,
            "checkpoint_minutes": 1e6,
        }
        if self.minutes is None:
            changes |= {"epochs": 1, "max_steps": None}
        return train.model_copy(update=changes)


def pilot(run: Run, recipe: Recipe, task: Task, plan: Plan, minutes: float, progress: Progress) -> list[dict[str, Any]]:
    """Train the trials that are not done yet; return all, as they are in `pilot.jsonl`.

    Args:
        minutes: for each modality, and again for the sizes together.
    """
    keep_memory()
    lessons = {name: read_records(run.path("dataset", f"{name}.jsonl"), Lesson) for name in ("train", "valid", "test")}
    held_out = [*lessons["valid"], *lessons["test"]][:_VALID]
    known = {value["id"]: value for _, value in read_lines(run.path(TRIALS))} if run.path(TRIALS).exists() else {}
    files = file_id(*(run.path("dataset", f"{name}.jsonl") for name in lessons))

    def tried(trial: Trial) -> dict[str, Any]:
        parts = (VERSION, dump_section(recipe.student), dump_section(trial.train(recipe.train)), trial.lessons, files)
        identity = content_id(*parts)
        if identity not in known:
            progress.say(f"{trial.option.modality}, {trial.lessons} lessons")
            known[identity] = {"id": identity, **_run(recipe, task, trial, lessons["train"], held_out, progress)}
            append_record(run.path(TRIALS), known[identity])
        return dict(known[identity])

    options = [line.best for line in plan.lines if line.best]
    trials = [tried(Trial(option, len(lessons["train"]), minutes)) for option in options]
    if trials:
        best = min(trials, key=lambda trial: trial["label_loss"])
        option = next(option for option in options if option.modality == best["modality"])
        for size in sizes(len(lessons["train"]), best["seconds_per_example"], minutes):
            trials.append(tried(Trial(option, size, None)))
    return trials


def sizes(lessons: int, seconds_per_example: float, minutes: float) -> list[int]:
    """Return numbers of lessons, each twice the one before, whose passes take about `minutes` together."""
    found: list[int] = []
    spent, size = 0.0, min(SMALLEST, lessons)
    while size <= lessons and (len(found) < 2 or spent + size * seconds_per_example <= 60 * minutes):
        found.append(size)
        spent += size * seconds_per_example
        size *= 2
    return found


def _run(
    recipe: Recipe, task: Task, trial: Trial, lessons: Sequence[Lesson], held_out: Sequence[Lesson], progress: Progress
) -> dict[str, Any]:
    train = trial.train(recipe.train)
    chosen = random.Random(train.seed).sample(list(lessons), trial.lessons)  # of one seed, smaller within larger
    student = load_for_training(recipe.student.model, recipe.student.kind, train)
    rows = rows_of(student, task, chosen, train.objective)
    if train.vocabulary == "domain" and student.kind == "causal":
        student.candidates = domain_ids(student, rows, task.texts())
    reset_peak(student.device)
    with packing(student), TemporaryDirectory() as folder:
        figures = fit(student, rows, [], train, Path(folder), progress)
        resident = peak_bytes(student.device)
        steps = [value for _, value in read_lines(Path(folder) / "metrics.jsonl")]
        losses = example_losses(student, rows_of(student, task, held_out, "label_only"), train.micro_tokens)
    del student
    gc.collect()
    each = [nats / count for nats, count in losses["label_loss"]]
    return {
        "modality": trial.option.modality,
        "lessons": trial.lessons,
        "minutes": trial.minutes,
        "rank": train.rank,
        "batch": train.batch,
        "micro_tokens": train.micro_tokens,
        "checkpointing": train.checkpointing,
        "steps": figures["steps"],
        "examples": sum(step["examples"] for step in steps),
        "seconds_per_example": round(_seconds_per_example(steps), 4),
        "label_loss": round(sum(each) / len(each), 6),
        "label_losses": [round(value, 6) for value in each],
        "predicted_bytes": trial.option.bytes,
        "predicted_tensor_bytes": trial.option.tensor_bytes,
        "measured_tensor_bytes": sum(figures.get("peak_bytes_by_kind", {}).values()) or None,
        "resident_bytes": resident,
    }


def _seconds_per_example(steps: Sequence[dict[str, Any]]) -> float:
    """The median step: the first warm up, and one that waited for another process says nothing."""
    rates = [step["seconds"] / step["examples"] for step in steps]
    return float(median(rates[_WARM_UP:] or rates))


def of_sizes(trials: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the trials of the learning curve."""
    return (trial for trial in trials if trial["minutes"] is None)


def of_modalities(trials: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the trials that took the same time."""
    return (trial for trial in trials if trial["minutes"] is not None)


def passes(lessons: int, train: Train) -> int:
    """Return how many examples the whole training computes."""
    examples = train.epochs * lessons
    return min(examples, train.max_steps * train.batch) if train.max_steps else examples
