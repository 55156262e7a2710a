"""The whole road: teach → dataset → train → evaluate → report, each stage once per content.

task ──► teach ──► dataset ──► train ──► evaluate ──► report
"""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.records import dump_section
from thriftune.runs import Run, content_id, file_id
from thriftune.tasks.base import Task
from thriftune.tasks.build import build
from thriftune.version import VERSION

STAGES = ("teach", "dataset", "train", "evaluate", "report")


def travel(recipe: Recipe, folder: Path, stages: Iterable[str] = STAGES) -> Run:
    """Do the stages of a recipe that are not done yet for the same content; return the run.

    Raises:
        UserError: see `errors`; the manifest of the run folder says where it stopped.
    """
    run = Run(folder)
    run.note(name=recipe.name, version=VERSION, recipe=dump_section(recipe))
    with closing(_Lazy(recipe)) as lazy:
        for stage in stages:
            _WORK[stage](run, recipe, lazy)
    return run


class _Lazy:
    """The task, started when the first stage needs it: a run that is done starts no engine."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._task: Task | None = None

    def __call__(self) -> Task:
        if self._task is None:
            Progress("engine").say("starting the task's engine and loading its collections")
            self._task = build(self._recipe)
        return self._task

    def close(self) -> None:
        if self._task is not None:
            self._task.close()


def _teach(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.teach.stage import LESSONS, REJECTS, teach
    from thriftune.teach.teachers import RecordedTeacher

    teacher = RecordedTeacher(recipe.teacher.lessons, recipe.teacher.limit)
    identity = content_id(VERSION, dump_section(recipe.task), teacher.identity())
    progress = Progress("teach")
    _told(run, "teach", run.stage("teach", identity, [LESSONS, REJECTS], lambda: teach(run, task(), teacher, progress)))


def _dataset(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.dataset.stage import make_dataset

    identity = content_id(VERSION, dump_section(recipe.dataset), _files(run, "lessons.jsonl"))
    progress = Progress("dataset")
    _told(
        run, "dataset", run.stage("dataset", identity, ["dataset"], lambda: make_dataset(run, recipe.dataset, progress))
    )


def _train(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.train.stage import train

    parts = (dump_section(recipe.student), dump_section(recipe.train), dump_section(recipe.task))
    identity = content_id(VERSION, *parts, _files(run, "dataset/train.jsonl", "dataset/valid.jsonl"))
    outputs = ["model", "metrics.jsonl", "checkpoint.safetensors"]
    _told(run, "train", run.stage("train", identity, outputs, lambda: train(run, recipe, task(), Progress("train"))))


def _evaluate(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.evaluate.stage import evaluate

    trained = run.manifest["stages"].get("train", {}).get("id")
    identity = content_id(VERSION, dump_section(recipe.evaluate), trained, _files(run, "dataset/test.jsonl"))
    outputs = [f"{kind}{who}.jsonl" for kind in ("predictions", "verdicts") for who in ("", "-base")]
    work = lambda: evaluate(run, recipe, task(), Progress("evaluate"))  # noqa: E731
    _told(run, "evaluate", run.stage("evaluate", identity, [*outputs, "scores.json"], work))


def _report(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.report.stage import report

    identity = content_id(VERSION, run.manifest["stages"].get("evaluate", {}).get("id"), _files(run, "scores.json"))
    _told(run, "report", run.stage("report", identity, ["report.html", "report.md"], lambda: report(run)))


def _told(run: Run, stage: str, now: bool) -> None:
    seconds = run.manifest["stages"][stage].get("seconds", 0)
    Progress(stage).say(f"done in {seconds:.0f} s" if now else "is done already for this content; not done again")


def _files(run: Run, *names: str) -> str:
    from thriftune.errors import RunError

    for name in names:
        if not run.path(name).is_file():
            raise RunError(f"{run.path(name)} is missing: the stage before has to run first (thriftune run RECIPE)")
    return file_id(*(run.path(name) for name in names))


_WORK = {"teach": _teach, "dataset": _dataset, "train": _train, "evaluate": _evaluate, "report": _report}
