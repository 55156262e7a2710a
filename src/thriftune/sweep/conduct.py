"""A sweep, an ablation or a study from its recipe: do what is missing, then write the tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.sweep import plan as plans
from thriftune.sweep.drive import drive
from thriftune.sweep.executor import Executor
from thriftune.sweep.findings import findings
from thriftune.sweep.folder import Folder
from thriftune.sweep.plan import Plan, Planned
from thriftune.sweep.report import count, write
from thriftune.sweep.results import done
from thriftune.sweep.search import Tpe

Kind = Literal["sweep", "ablation", "study"]
_GOOD = ("done", "pruned")


@dataclass(frozen=True)
class Outcome:
    """What there is now. `failed` are ids of trials whose record is neither done nor pruned; `left` have no record."""

    planned: list[Planned]
    reports: list[Path]
    text: str
    findings: dict[str, dict[str, str]]
    failed: list[str]
    left: list[str]


def plan_of(kind: Kind, recipe: Recipe, folder: Folder, slots: int) -> Plan:
    """Return the plan; with TPE it asks for `slots` points at a time.

    Raises:
        RecipeError: a point of the space is no recipe. MissingPackage: TPE without Optuna.
    """
    if kind == "ablation":
        rows = plans.ablation(recipe)
        return lambda records: rows
    make = plans.sweep if kind == "sweep" else plans.study
    if recipe.study.sampler == "tpe":
        search = Tpe(recipe, folder.path, slots)
        return lambda records: make(recipe, search(records), records)
    grid = plans.grid_points(recipe)
    return lambda records: make(recipe, grid, records)


def conduct(kind: Kind, recipe: Recipe, folder: Folder, executor: Executor, again: bool = False) -> Outcome:
    """Do what is missing, write the tables, return what there is.

    Args:
        again: have trials done again that failed before.

    Raises:
        UserError: see `errors`; what is wrong with one trial is its record.
    """
    with folder.alone():
        if again:
            folder.forget_failed()
        plan = plan_of(kind, recipe, folder, executor.slots)
        return told(recipe, folder, drive(folder, plan, recipe.study, executor, Progress(kind)))


def tabulate(kind: Kind, recipe: Recipe, folder: Folder) -> Outcome:
    """Write the tables of what is recorded; nothing is trained."""
    return told(recipe, folder, plan_of(kind, recipe, folder, 0)(folder.records))


def told(recipe: Recipe, folder: Folder, planned: list[Planned]) -> Outcome:
    """Write the tables of a plan; return what there is."""
    metric = recipe.study.metric
    found = findings(done(planned, folder.records), metric)
    reports = write(folder.path, recipe, planned, folder.records, found)
    verdicts = {each.name: {metric: each.verdict, "label_loss": each.by_loss} for each in found}
    ids = list(dict.fromkeys(each.trial.id for each in planned))
    failed = [key for key in ids if key in folder.records and folder.records[key]["status"] not in _GOOD]
    left = [key for key in ids if key not in folder.records]
    return Outcome(planned, reports, count(planned, folder.records), verdicts, failed, left)
