"""The whole road: teach → dataset → train → evaluate → report, each stage once per content.

task ──► teach ──► dataset ──► train ──► evaluate ──► report
"""

import io
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from thriftune.errors import RecipeError, RunError
from thriftune.files import content_id, write_text
from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.records import dump_section
from thriftune.runs import Run
from thriftune.stages import WORK, Lazy, evaluate_identity, files_id, train_identity
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
    with closing(Lazy(recipe)) as lazy:
        for stage in stages:
            WORK[stage](run, recipe, lazy)


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

    with run.alone(), closing(Lazy(recipe)) as lazy:
        run.note(name=recipe.name, version=VERSION, recipe=dump_section(recipe))
        for stage in ("teach", "dataset"):
            WORK[stage](run, recipe, lazy)
        files = files_id(run, "dataset/train.jsonl", "dataset/test.jsonl")
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
        return teachers.bill(recipe.teacher, task, folder, recipe.task.names)


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
    with run.alone(), closing(Lazy(recipe)) as lazy:
        trained = train_identity(run, recipe, lazy)
        if not run.is_done("train", trained):
            raise RunError(f"{run.folder} holds no trained model of its recipe. Run: thriftune run RECIPE")
        scored = run.is_done("evaluate", evaluate_identity(run, recipe, lazy))

        from thriftune.ship.source import Source
        from thriftune.ship.stage import export  # loads torch: only when there is something to do

        try:
            return export(Source(run, recipe, lazy(), trained, scored), form, out, Progress("export"), allow=allow)
        finally:
            if scored:
                WORK["report"](run, recipe, lazy)


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
    with closing(Lazy(recipe)) as task:
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
        with closing(Lazy(recipe)) as task:
            rows = rows_for(recipe, config, folder, task)
            plan = make_plan(recipe, config, rows, device, candidates_for(recipe, rows, task))
            trials = tried(run, recipe, task(), plan, minutes, progress)
        text = page(plan, trials, recipe, len(rows.rows))
        write_text(run.path("pilot.md"), text)
    return plan, trials, text
