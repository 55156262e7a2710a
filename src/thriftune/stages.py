"""The stages of the road, each once per content: what a stage's content is, and which work makes its files.

A stage's identity is made of the sections of the recipe that count for it, the bytes of what the stages before left,
and the version; `Run.stage` does the work only where the run folder holds nothing of that identity.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from thriftune.errors import RunError
from thriftune.files import content_id, file_id, read_records
from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.recipe.read import change_paths
from thriftune.records import Lesson, dump_section
from thriftune.runs import Run
from thriftune.tasks.base import Task
from thriftune.tasks.build import build
from thriftune.version import VERSION


class Lazy:
    """The task, started when the first stage needs it: a run that is done starts no engine."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._task: Task | None = None

    def __call__(self) -> Task:
        """Return the task, the same at each call."""
        if self._task is None:
            Progress("engine").say("starting the task's engine and loading its collections")
            self._task = build(self._recipe)
        return self._task

    @cached_property
    def content(self) -> dict[str, Any]:
        """The section `task` with what its files hold instead of where they lie.

        A task of the user's own knows best what it reads: its identity counts beside the bytes of its file.
        """
        content = by_content(dump_section(self._recipe.task))
        if self._recipe.task.kind == "python":
            identity, (path, _, name) = self().identity(), str(self._recipe.task.factory).rpartition(":")
            content |= {"factory": [file_id(Path(path)), name], "identity": identity}
        return content

    def close(self) -> None:
        """Close the task, if it was started."""
        if self._task is not None:
            self._task.close()


def _teach(run: Run, recipe: Recipe, task: Lazy) -> None:
    from thriftune.teach.build import identity, make
    from thriftune.teach.doubts import DOUBTS
    from thriftune.teach.expand import ASKED
    from thriftune.teach.stage import LESSONS, REJECTS, teach

    def work() -> dict[str, Any]:
        teacher = make(recipe.teacher, task(), run.folder, recipe.task.names)
        return teach(run, task(), teacher, Progress("teach"), recipe.teacher.samples)

    content = content_id(VERSION, task.content, identity(recipe.teacher))
    _told(run, "teach", run.stage("teach", content, [LESSONS, REJECTS, DOUBTS, ASKED], work))


def _dataset(run: Run, recipe: Recipe, task: Lazy) -> None:
    from thriftune.dataset.stage import make_dataset
    from thriftune.teach.reviews import changes

    values = task.content if recipe.dataset.variants else None
    record = files_id(run, "lessons.jsonl")
    edits = changes(run, read_records(run.path("lessons.jsonl"), Lesson))
    identity = content_id(VERSION, dump_section(recipe.dataset), values, record, *edits)
    progress = Progress("dataset")
    _told(
        run,
        "dataset",
        run.stage("dataset", identity, ["dataset"], lambda: make_dataset(run, recipe.dataset, task, progress)),
    )


def _train(run: Run, recipe: Recipe, task: Lazy) -> None:
    def work() -> dict[str, Any]:
        from thriftune.train import ranks
        from thriftune.train.stage import train  # loads torch: only when there is something to do

        progress = Progress("train")
        if ranks.count() > 1:  # they share a machine's memory in ways that the plan does not know
            return train(run, recipe, task(), progress)
        return _trained_in_what_there_is(run, recipe, task, progress)

    identity = train_identity(run, recipe, task)
    outputs = ["model", "metrics.jsonl", "checkpoint.safetensors"]
    _told(run, "train", run.stage("train", identity, outputs, work))


def _trained_in_what_there_is(run: Run, recipe: Recipe, task: Lazy, progress: Progress) -> dict[str, Any]:
    """Train by a plan made beforehand; where memory runs out nevertheless, again with smaller micro-batches."""
    from thriftune.plan.guard import planned
    from thriftune.plan.retry import with_smaller_batches
    from thriftune.train.stage import train

    plan: dict[str, Any] = {}
    if recipe.plan.check:
        progress.say("planning: what the training step will hold in memory")
        asked = recipe.train.micro_tokens
        recipe, figures = planned(run, recipe, task)
        plan = {"plan": figures}
        if recipe.train.micro_tokens != asked:
            progress.say(f"micro-batches of {recipe.train.micro_tokens} tokens instead of {asked}: the same gradient")

    def tell(attempts: list[dict[str, Any]]) -> None:
        progress.say(f"memory ran out with micro-batches of {attempts[-1]['micro_tokens']} tokens")
        run.so_far("train", {**plan, "attempts": attempts})

    figures = with_smaller_batches(lambda changed: train(run, changed, task(), progress), recipe, tell)
    return {**figures, **plan}


def _evaluate(run: Run, recipe: Recipe, task: Lazy) -> None:
    def work() -> dict[str, Any]:
        from thriftune.evaluate.stage import evaluate

        return evaluate(run, recipe, task(), Progress("evaluate"))

    identity, trained = evaluate_identity(run, recipe, task), train_identity(run, recipe, task)
    if not run.is_done("train", trained):
        raise RunError(
            f"{run.folder} holds no model of this recipe and dataset, so its test questions may have been trained on. "
            "Run: thriftune train RECIPE"
        )
    records = [f"{kind}{who}.jsonl" for kind in ("predictions", "verdicts", "losses") for who in ("", "-base")]
    _told(run, "evaluate", run.stage("evaluate", identity, ["scores.json", *records], work))


def _report(run: Run, recipe: Recipe, task: Lazy) -> None:
    from thriftune.report.stage import report

    evaluated = evaluate_identity(run, recipe, task)
    if not run.is_done("evaluate", evaluated):
        raise RunError(f"{run.folder} holds no scores of this recipe's model. Run: thriftune evaluate RECIPE")
    shown = [
        files_id(run, "scores.json"),
        *([files_id(run, "parity.json")] if run.path("parity.json").is_file() else []),
    ]
    identity = content_id(VERSION, evaluated, *shown)
    _told(run, "report", run.stage("report", identity, ["report.html", "report.md"], lambda: report(run)))


def train_identity(run: Run, recipe: Recipe, task: Lazy) -> str:
    """Return the content id of the training that this recipe means on the run's dataset."""
    parts = (dump_section(recipe.student), dump_section(recipe.train), task.content)
    return content_id(VERSION, *parts, files_id(run, "dataset/train.jsonl", "dataset/valid.jsonl"))


def evaluate_identity(run: Run, recipe: Recipe, task: Lazy) -> str:
    """Return the content id of the evaluation of that training."""
    trained = train_identity(run, recipe, task)
    return content_id(VERSION, dump_section(recipe.evaluate), trained, files_id(run, "dataset/test.jsonl"))


def _told(run: Run, stage: str, now: bool) -> None:
    seconds = run.manifest["stages"][stage].get("seconds", 0)
    Progress(stage).say(f"done in {seconds:.0f} s" if now else "is done already for this content; not done again")


def by_content(task: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a section `task` with what its files hold instead of where they lie."""
    change_paths({"task": task}, lambda name: file_id(Path(name)) if Path(name).is_file() else name)
    return task


def files_id(run: Run, *names: str) -> str:
    """Return what the bytes of these files of the run are known by.

    Raises:
        RunError: one of them is missing.
    """
    for name in names:
        if not run.path(name).is_file():
            raise RunError(f"{run.path(name)} is missing: the stage before has to run first (thriftune run RECIPE)")
    return file_id(*(run.path(name) for name in names))


WORK = {"teach": _teach, "dataset": _dataset, "train": _train, "evaluate": _evaluate, "report": _report}
