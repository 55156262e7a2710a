"""The folder of a study: `trials.jsonl`, the shared dataset, and a run folder for each trial.

`trials.jsonl` is the single truth: one record for each trial that has ended, appended and flushed. A trial that is
`done` is never done again; one that failed, when it is asked for. Tables are made from this file alone, so it can be
committed, and files of several machines can be merged.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thriftune.errors import InputError, RunError
from thriftune.files import append_record, read_lines, write_json
from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.records import dump_section
from thriftune.road import travel
from thriftune.runs import Run
from thriftune.sweep.trial import Trial, dataset_id
from thriftune.version import VERSION

SPECIFICATION = "trial.json"
_SHARED = ("lessons.jsonl", "rejects.jsonl", "reviews.jsonl", "asked.jsonl", "dataset")


class Folder:
    """Where a study lies. `records` maps a trial's id to its record."""

    def __init__(self, path: Path, file: Path | None = None) -> None:
        self.path = path.absolute()
        self.file = (file or path / "trials.jsonl").absolute()
        self.records: dict[str, dict[str, Any]] = {}
        if self.file.exists():
            self._read(self.file)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the file of records for this process.

        Raises:
            RunError: another process works on this study, or the file may not be written.
        """
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            file = open(self.file, "ab")  # noqa: SIM115  (closed below)
        except OSError as error:
            raise RunError(
                f"cannot write {self.file}: {os.strerror(error.errno or 0)}. Choose another --out"
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.records.clear()
            self._read(self.file)  # once more: what another process added before it let go
            yield
        except BlockingIOError as error:
            raise RunError(f"another thriftune works on {self.file}; wait for it or choose another --out") from error
        finally:
            file.close()

    def add(self, record: dict[str, Any]) -> None:
        """Append the record of a trial that has ended; one that is done is never replaced."""
        if self._keep(record):
            append_record(self.file, record)

    def merge(self, other: Path) -> int:
        """Append the records of another file that are new here; return how many.

        Raises:
            InputError: the file is missing or no file of trials.
        """
        before = len(self.records)
        for record in _records(other):
            self.add(record)
        return len(self.records) - before

    def forget_failed(self) -> None:
        """Have trials that did not end well done again; their records stay in the file."""
        self.records = {key: record for key, record in self.records.items() if record["status"] == "done"}

    def trial(self, trial: Trial) -> Path:
        """Return the run folder of a trial."""
        return self.path / "trials" / trial.id

    def prepare(self, trial: Trial, budget: int | None) -> Path:
        """Make the run folder of a trial, with the shared dataset in it, and what its process reads; return it.

        Args:
            budget: the processed tokens of the trial that it is `like`.
        """
        target = self.trial(trial)
        shared = self._dataset(trial.recipe)
        if not (target / "manifest.json").exists():
            _copy(shared, target)
        recipe = dump_section(trial.recipe)
        if budget is not None:
            recipe["train"]["max_tokens"] = budget
        write_json(target / SPECIFICATION, {"recipe": recipe, "kind": trial.kind, "shots": trial.shots})
        return target

    def _dataset(self, recipe: Recipe) -> Run:
        """Teach and make the dataset, once for all trials that share it."""
        folder = self.path / "shared" / dataset_id(recipe)
        manifest = Run(folder).manifest
        made = manifest["stages"].get("dataset", {}).get("status") == "done" and manifest.get("version") == VERSION
        return Run(folder) if made else travel(recipe, folder, ("teach", "dataset"))

    def _read(self, path: Path) -> None:
        for record in _records(path):
            self._keep(record)

    def _keep(self, record: dict[str, Any]) -> bool:
        known = self.records.get(record["id"])
        if known and (known["status"] == "done" or known == record):
            return False
        self.records[record["id"]] = record
        return True


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for number, record in read_lines(path):
        if not isinstance(record, dict) or not {"id", "status", "overrides", "seed"} <= record.keys():
            raise InputError(f"{path}:{number}: no record of a trial (id, status, overrides, seed)")
        yield record


def _copy(shared: Run, target: Path) -> None:
    """Copy, not link: a trial's folder is a run folder like any other and may be written. The manifest comes last."""
    target.mkdir(parents=True, exist_ok=True)
    for name in _SHARED:
        source = shared.path(name)
        if source.is_dir():
            shutil.copytree(source, target / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, target / name)
    stages = {name: shared.manifest["stages"][name] for name in ("teach", "dataset")}
    write_json(target / "manifest.json", {**shared.manifest, "stages": stages})


def specification(folder: Path) -> tuple[Recipe, str, int]:
    """Return (recipe, kind, shots) of the trial in a folder."""
    data = json.loads((folder / SPECIFICATION).read_text(encoding="utf-8"))
    return Recipe.model_validate(data["recipe"]), data["kind"], data["shots"]


def tell(progress: Progress, trial: Trial, text: str) -> None:
    """Print one line about a trial."""
    shown = " ".join(f"{key}={value}" for key, value in trial.overrides.items()) or f"untouched, {trial.shots} examples"
    progress.say(f"{trial.id[:8]} seed {trial.seed} {shown}: {text}")
