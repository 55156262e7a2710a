"""The whole road: teach → dataset → train → evaluate → report, each stage once per content.

task ──► teach ──► dataset ──► train ──► evaluate ──► report
"""

import io
from collections.abc import Iterable
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from thriftune.errors import RecipeError, RunError
from thriftune.progress import Progress
from thriftune.recipe import FILES, Recipe
from thriftune.records import Lesson, dump_section
from thriftune.runs import Run, content_id, file_id, read_records, write_text
from thriftune.tasks.base import Task
from thriftune.tasks.build import build
from thriftune.version import VERSION

if TYPE_CHECKING:  # loads torch
    from thriftune.plan.make import Plan

STAGES = ("teach", "dataset", "train", "evaluate", "report")


def travel(recipe: Recipe, folder: Path, stages: Iterable[str] = STAGES) -> Run:
    """Do the stages of a recipe that are not done yet for the same content; return the run.

    Raises:
        UserError: see `errors`; the manifest of the run folder says where it stopped.
    """
    from thriftune.train import ranks

    run = Run(folder)
    if ranks.count() > 1:
        _together(run, recipe, tuple(stages))
    else:
        with run.alone():
            _stages(run, recipe, stages)
    return run


def _together(run: Run, recipe: Recipe, stages: tuple[str, ...]) -> None:
    """Train with several processes: rank 0 does the stage, the others only compute.

    Raises:
        RunError: another stage is asked for.
    """
    from thriftune.train import ranks

    if stages != ("train",):
        raise RunError("several processes can only train. Run the other commands without torchrun")
    with ranks.together():
        if ranks.rank() > 0:
            from thriftune.train.stage import follow

            follow(run.folder, recipe, Progress("train", stream=io.StringIO()))
            return
        try:
            with run.alone():
                _stages(run, recipe, stages)
        finally:
            ranks.dismiss()


def _stages(run: Run, recipe: Recipe, stages: Iterable[str]) -> None:
    run.note(name=recipe.name, version=VERSION, recipe=dump_section(recipe))
    with closing(_Lazy(recipe)) as lazy:
        for stage in stages:
            _WORK[stage](run, recipe, lazy)


def review(recipe: Recipe, folder: Path) -> Run:
    """Have the lessons of a recipe decided by a person in this terminal, then make the dataset; return the run.

    Raises:
        UserError: as `travel`.
    """
    from thriftune.teach.review import Terminal, editor, walk

    run = Run(folder)
    with run.alone():
        _stages(run, recipe, ("teach",))
        with closing(build(recipe)) as task:
            walk(run, task, Terminal(input, print, editor))
        _stages(run, recipe, ("dataset",))
    return run


def baseline(recipe: Recipe, folder: Path, shots: int) -> Run:
    """Score the untouched student with `shots` examples in its prompt; nothing is trained. Return the run.

    Raises:
        UserError: as `travel`.
    """
    run = Run(folder)

    def work() -> dict[str, Any]:
        from thriftune.evaluate.stage import evaluate_base

        return evaluate_base(run, recipe, lazy(), shots, Progress("evaluate"))

    with run.alone(), closing(_Lazy(recipe)) as lazy:
        run.note(name=recipe.name, version=VERSION, recipe=dump_section(recipe))
        for stage in ("teach", "dataset"):
            _WORK[stage](run, recipe, lazy)
        files = _files(run, "dataset/train.jsonl", "dataset/test.jsonl")
        parts = (dump_section(recipe.student), dump_section(recipe.evaluate), lazy.content)
        identity = content_id(VERSION, "base", shots, *parts, files)
        run.stage("evaluate", identity, ["scores.json", "predictions-base.jsonl", "verdicts-base.jsonl"], work)
    return run


def bill(recipe: Recipe, folder: Path) -> dict[str, Any]:
    """Return what the teacher of a recipe is expected to cost at most; nothing is asked.

    Raises:
        RecipeError: the teacher is recorded, which costs nothing.
    """
    from thriftune.teach import build as teachers

    if recipe.teacher.kind == "recorded":
        raise RecipeError("teacher.kind is recorded: its answers are there already and cost nothing")
    with closing(build(recipe)) as task:
        return teachers.bill(recipe.teacher, task, folder, _collections(recipe))


def export(folder: Path, form: str, out: Path, rationales: bool = False) -> dict[str, Any]:
    """Write the dataset of a run in another format, and return how many lessons each part has.

    Chats are asked as the recipe in the run's manifest asks, so its task is started.

    Raises:
        RunError: the folder is no run, or has no dataset.
    """
    from thriftune.dataset.export import export as exported
    from thriftune.dataset.export import export_chats, lessons_of

    run = Run(folder)
    lessons_of(run)  # before an engine is started for nothing
    if form != "chat":
        return exported(run, form, out)
    with closing(build(recipe_of(run))) as task:
        return export_chats(run, task, out, rationales)


def ship(folder: Path, form: Any, out: Path | None = None, allow: bool = False) -> Path:
    """Export the trained model of a run (`adapter`, `merged`, `gguf`, `ollama`), prove it, and return the folder.

    The report is brought up to date where the run has scores.

    Raises:
        RunError: the folder is no run, or its training is not done.
        ExportError: the form cannot be made, or is not the trained model (unless `allow`).
    """
    run = Run(folder)
    recipe = recipe_of(run)
    with run.alone(), closing(_Lazy(recipe)) as lazy:
        trained = _train_identity(run, recipe, lazy)
        if not run.is_done("train", trained):
            raise RunError(f"{run.folder} holds no trained model of its recipe. Run: thriftune run RECIPE")
        scored = run.is_done("evaluate", _evaluate_identity(run, recipe, lazy))

        from thriftune.ship.source import Source
        from thriftune.ship.stage import export  # loads torch: only when there is something to do

        try:
            return export(Source(run, recipe, lazy(), trained, scored), form, out, Progress("export"), allow=allow)
        finally:
            if scored:
                _report(run, recipe, lazy)


def recipe_of(run: Run) -> Recipe:
    """Return the recipe that a run was made by.

    Raises:
        RunError: the folder holds none of this version.
    """
    try:
        return Recipe.model_validate(run.manifest.get("recipe"))
    except ValidationError as error:
        raise RunError(
            f"{run.path('manifest.json')} holds no recipe of this version. Run: thriftune teach RECIPE"
        ) from error


def _collections(recipe: Recipe) -> list[str]:
    return [*recipe.task.collections, *recipe.task.databases, *recipe.task.schemas]


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

    @cached_property
    def content(self) -> dict[str, Any]:
        """The section `task` with what its files hold instead of where they lie.

        A task of the user's own knows best what it reads: its identity counts beside the bytes of its file.
        """
        content = _task_content(self._recipe)
        if self._recipe.task.kind == "python":
            identity, (path, _, name) = self().identity(), str(self._recipe.task.factory).rpartition(":")
            content |= {"factory": [file_id(Path(path)), name], "identity": identity}
        return content

    def close(self) -> None:
        if self._task is not None:
            self._task.close()


def _teach(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.teach.build import identity, make
    from thriftune.teach.doubts import DOUBTS
    from thriftune.teach.expand import ASKED
    from thriftune.teach.stage import LESSONS, REJECTS, teach

    def work() -> dict[str, Any]:
        teacher = make(recipe.teacher, task(), run.folder, _collections(recipe))
        return teach(run, task(), teacher, Progress("teach"), recipe.teacher.samples)

    content = content_id(VERSION, task.content, identity(recipe.teacher))
    _told(run, "teach", run.stage("teach", content, [LESSONS, REJECTS, DOUBTS, ASKED], work))


def _dataset(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.dataset.stage import make_dataset
    from thriftune.teach.reviews import changes

    values = task.content if recipe.dataset.variants else None
    record = _files(run, "lessons.jsonl")
    edits = changes(run, read_records(run.path("lessons.jsonl"), Lesson))
    identity = content_id(VERSION, dump_section(recipe.dataset), values, record, *edits)
    progress = Progress("dataset")
    _told(
        run,
        "dataset",
        run.stage("dataset", identity, ["dataset"], lambda: make_dataset(run, recipe.dataset, task, progress)),
    )


def _train(run: Run, recipe: Recipe, task: _Lazy) -> None:
    def work() -> dict[str, Any]:
        from thriftune.train import ranks
        from thriftune.train.stage import train  # loads torch: only when there is something to do

        progress = Progress("train")
        if ranks.count() > 1:  # they share a machine's memory in ways that the plan does not know
            return train(run, recipe, task(), progress)
        return _trained_in_what_there_is(run, recipe, task, progress)

    identity = _train_identity(run, recipe, task)
    outputs = ["model", "metrics.jsonl", "checkpoint.safetensors"]
    _told(run, "train", run.stage("train", identity, outputs, work))


def _trained_in_what_there_is(run: Run, recipe: Recipe, task: _Lazy, progress: Progress) -> dict[str, Any]:
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


def plan(recipe: Recipe, folder: Path, gpu: str | None = None, memory: str | None = None) -> "Plan":
    """Return what fits into which memory, for each modality; nothing is loaded, fetched or written.

    Raises:
        InputError: the GPU is not known, or how much memory is free.
        StudentError: there is no config for the student, or it cannot be trained.
    """
    from thriftune.plan.configs import config_of
    from thriftune.plan.make import make_plan
    from thriftune.plan.prepare import candidates_for, device_for, rows_for

    device, config = device_for(recipe, gpu, memory), config_of(recipe.student.model)
    with closing(_Lazy(recipe)) as task:
        rows = rows_for(recipe, config, folder, task, fetch=False)
        return make_plan(recipe, config, rows, device, candidates_for(recipe, rows, task))


def pilot(recipe: Recipe, folder: Path, minutes: float) -> "tuple[Plan, list[dict[str, Any]], str]":
    """Teach, make the dataset, plan, and train each modality that fits for some minutes; return plan, trials and page.

    Writes `pilot.jsonl` and `pilot.md` into the run folder.

    Raises:
        UserError: as `travel`.
    """
    from thriftune.plan.configs import config_of
    from thriftune.plan.make import make_plan
    from thriftune.plan.page import page
    from thriftune.plan.pilot import pilot as tried
    from thriftune.plan.prepare import candidates_for, device_for, rows_for

    run, progress = Run(folder), Progress("pilot")
    with run.alone():
        _stages(run, recipe, ("teach", "dataset"))
        device, config = device_for(recipe), config_of(recipe.student.model)
        with closing(_Lazy(recipe)) as task:
            rows = rows_for(recipe, config, folder, task)
            plan = make_plan(recipe, config, rows, device, candidates_for(recipe, rows, task))
            trials = tried(run, recipe, task(), plan, minutes, progress)
        text = page(plan, trials, recipe, len(rows.rows))
        write_text(run.path("pilot.md"), text)
    return plan, trials, text


def _evaluate(run: Run, recipe: Recipe, task: _Lazy) -> None:
    def work() -> dict[str, Any]:
        from thriftune.evaluate.stage import evaluate

        return evaluate(run, recipe, task(), Progress("evaluate"))

    identity, trained = _evaluate_identity(run, recipe, task), _train_identity(run, recipe, task)
    if not run.is_done("train", trained):
        raise RunError(
            f"{run.folder} holds no model of this recipe and dataset, so its test questions may have been trained on. "
            "Run: thriftune train RECIPE"
        )
    records = [f"{kind}{who}.jsonl" for kind in ("predictions", "verdicts") for who in ("", "-base")]
    _told(run, "evaluate", run.stage("evaluate", identity, ["scores.json", *records], work))


def _report(run: Run, recipe: Recipe, task: _Lazy) -> None:
    from thriftune.report.stage import report

    evaluated = _evaluate_identity(run, recipe, task)
    if not run.is_done("evaluate", evaluated):
        raise RunError(f"{run.folder} holds no scores of this recipe's model. Run: thriftune evaluate RECIPE")
    shown = [_files(run, "scores.json"), *([_files(run, "parity.json")] if run.path("parity.json").is_file() else [])]
    identity = content_id(VERSION, evaluated, *shown)
    _told(run, "report", run.stage("report", identity, ["report.html", "report.md"], lambda: report(run)))


def _train_identity(run: Run, recipe: Recipe, task: _Lazy) -> str:
    parts = (dump_section(recipe.student), dump_section(recipe.train), task.content)
    return content_id(VERSION, *parts, _files(run, "dataset/train.jsonl", "dataset/valid.jsonl"))


def _evaluate_identity(run: Run, recipe: Recipe, task: _Lazy) -> str:
    trained = _train_identity(run, recipe, task)
    return content_id(VERSION, dump_section(recipe.evaluate), trained, _files(run, "dataset/test.jsonl"))


def _told(run: Run, stage: str, now: bool) -> None:
    seconds = run.manifest["stages"][stage].get("seconds", 0)
    Progress(stage).say(f"done in {seconds:.0f} s" if now else "is done already for this content; not done again")


def _task_content(recipe: Recipe) -> dict[str, Any]:
    """Return the section `task` with what its files hold instead of where they lie."""
    content = dump_section(recipe.task)
    for section, keys in FILES.items():
        for source in content[section].values():
            for key in keys:
                if source[key] and Path(source[key]).is_file():
                    source[key] = file_id(Path(source[key]))
    return content


def _files(run: Run, *names: str) -> str:
    for name in names:
        if not run.path(name).is_file():
            raise RunError(f"{run.path(name)} is missing: the stage before has to run first (thriftune run RECIPE)")
    return file_id(*(run.path(name) for name in names))


_WORK = {"teach": _teach, "dataset": _dataset, "train": _train, "evaluate": _evaluate, "report": _report}
