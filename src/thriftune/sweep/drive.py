"""The driver: starts what is missing of a plan, in its order, and records what ends. It may be killed at any moment.

A trial that has ended but was not recorded has its stages done in its folder: its worker finds nothing left to do.
"""

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thriftune.progress import Progress
from thriftune.recipe import Study
from thriftune.sweep.executor import Executor
from thriftune.sweep.folder import Folder, tell
from thriftune.sweep.plan import Plan, Planned
from thriftune.sweep.prune import behind, losses
from thriftune.sweep.record import record_of
from thriftune.sweep.trial import Trial

_POLL_SECONDS = 0.2
_HEAVY = ("model", "checkpoint.safetensors")


@dataclass
class _Running:
    trial: Trial
    folder: Path
    attempts: int = 1
    validations: int = 0


def drive(folder: Folder, plan: Plan, study: Study, executor: Executor, progress: Progress) -> list[Planned]:
    """Do what is missing of the plan; return the plan as it was at the end.

    Raises:
        UserError: the dataset cannot be made. What is wrong with one trial is its record.
    """
    running: dict[str, _Running] = {}
    try:
        while True:
            planned = plan(folder.records)
            _start(folder, planned, running, executor, progress)
            if not running:
                return planned
            while not _watch(folder, planned, running, study, executor, progress):
                time.sleep(_POLL_SECONDS)
    finally:
        executor.close()


def _start(
    folder: Folder, planned: Iterable[Planned], running: dict[str, _Running], executor: Executor, progress: Progress
) -> None:
    for trial in first_of_each(planned):
        if len(running) >= executor.slots:
            return
        if trial.id in folder.records or trial.id in running or not _ready(trial, folder):
            continue
        tell(progress, trial, "starts")
        place = folder.prepare(trial, budget(trial, folder))
        executor.start(place, trial.recipe.train.modality)
        running[trial.id] = _Running(trial, place)


def first_of_each(planned: Iterable[Planned]) -> list[Trial]:
    """Return the trials of a plan, each once, where it is planned first."""
    found: dict[str, Trial] = {}
    for each in planned:
        found.setdefault(each.trial.id, each.trial)
    return list(found.values())


def _ready(trial: Trial, folder: Folder) -> bool:
    return trial.like is None or folder.records.get(trial.like, {}).get("status") == "done"


def budget(trial: Trial, folder: Folder) -> int | None:
    """Return the processed tokens that a trial may spend: those of the one that it is like."""
    return None if trial.like is None else int(folder.records[trial.like]["train"]["processed_tokens"])


def _watch(
    folder: Folder,
    planned: list[Planned],
    running: dict[str, _Running],
    study: Study,
    executor: Executor,
    progress: Progress,
) -> bool:
    """Look once at what runs; return whether a trial has ended."""
    before = len(running)
    for each in list(running.values()):
        code = executor.ended(each.folder)
        if code is None:
            if study.prune and _behind(folder, planned, each):
                executor.stop(each.folder)
                more = {"status": "pruned", "reason": "its validation loss was above the median of the others"}
                _record(folder, each, -9, more, study, progress)
                del running[each.trial.id]
        elif code < 0 and each.attempts < study.attempts:
            each.attempts += 1
            tell(progress, each.trial, f"its process was killed (signal {-code}); taken up again")
            executor.start(each.folder, each.trial.recipe.train.modality)
        else:
            _record(folder, each, code, {}, study, progress)
            del running[each.trial.id]
    return len(running) < before


def _behind(folder: Folder, planned: list[Planned], each: _Running) -> bool:
    """Look when there is a new validation, and only at trials of the search."""
    searched = {p.trial.id: folder.trial(p.trial) for p in planned if p.group == "sweep"}
    count = len(losses(each.folder))
    if each.trial.id not in searched or count == each.validations:
        return False
    each.validations = count
    return behind(each.folder, searched.values())


def _record(folder: Folder, each: _Running, code: int, more: dict[str, Any], study: Study, progress: Progress) -> None:
    told = record_of(each.trial, each.folder, code, more)
    folder.add(told)
    if not study.keep_models:
        for name in _HEAVY:
            _remove(each.folder / name)
    match = told.get("scores", {}).get(study.metric)
    shown = f", {study.metric.replace('_', ' ')} {match['value']:.1%}" if match else ""
    tell(progress, each.trial, f"{told['status']}{shown} {told.get('reason', '')}".rstrip())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
