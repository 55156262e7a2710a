"""The run folder: which stages are done, for which content, and what is set aside while one is done again.

A stage that is `done` for the same content id is not done again.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thriftune.errors import RunError
from thriftune.files import write_json

MANIFEST = "manifest.json"
_FORMER = "record.json"  # of the stage whose outputs were set aside


class Run:
    """One run folder. `manifest` maps a stage's name to its content id, status, times and figures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(folder)

    def path(self, *parts: str) -> Path:
        """Return a path inside the run folder."""
        return self.folder.joinpath(*parts)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the run folder for this process.

        Raises:
            RunError: another process works in it, or it may not be written.
        """
        path = self.path(".lock")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = open(path, "w")  # noqa: SIM115  (closed below: an error of the work is not one of the lock)
        except OSError as error:
            raise RunError(f"cannot write {path}: {os.strerror(error.errno or 0)}. Choose another --out") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise RunError(f"another thriftune works in {self.folder}; wait for it or choose another --out") from error
        finally:
            file.close()

    def note(self, **values: Any) -> None:
        """Set top-level values of the manifest and write it."""
        self.manifest.update(values)
        write_json(self.path(MANIFEST), self.manifest)

    def is_done(self, stage: str, identity: str) -> bool:
        """Tell whether `stage` ended well for this very content."""
        record = self.manifest["stages"].get(stage, {})
        return bool(record.get("status") == "done" and record.get("id") == identity)

    def figures(self, stage: str) -> dict[str, Any]:
        """Return what a finished stage added to the manifest."""
        return dict(self.manifest["stages"].get(stage, {}).get("figures", {}))

    def so_far(self, stage: str, figures: dict[str, Any]) -> None:
        """Set the figures of a stage that is running: they stay in the manifest if it fails."""
        if stage in self.manifest["stages"]:
            self.manifest["stages"][stage]["figures"] = figures

    def stage(self, name: str, identity: str, outputs: Sequence[str], work: Callable[[], dict[str, Any]]) -> bool:
        """Do `work` unless it is done already; return whether it was done now.

        The manifest says `running` before, and `done` or `failed: reason` after. `outputs` are the files and folders
        that the stage goes on from: those of other content make room. The first is always written: when it was deleted
        since, the stage is not done.
        """
        self._bring_back(name, identity, outputs)
        if self.is_done(name, identity) and self.path(outputs[0]).exists():
            return False
        with self._room(name, identity, outputs), self._recorded(name, identity) as record:
            record["figures"] = work()
        return True

    @contextmanager
    def _room(self, name: str, identity: str, outputs: Sequence[str]) -> Iterator[None]:
        """Set finished outputs of other content aside until this content is done too; unfinished ones are removed.

        So neither a misspelt `student.model` nor a training killed half-way costs the model that was there.
        """
        former, aside = self.manifest["stages"].get(name, {}), self._aside(name)
        if former.get("id") != identity:
            if former.get("status") == "done" or not aside.exists():
                _remove(aside)
                self._set_aside(name, former, outputs)
            for output in outputs:
                _remove(self.path(output))
        try:
            yield
        except BaseException:
            if not any(self.path(output).exists() for output in outputs):
                attempt = self.manifest["stages"][name]["status"]
                self._restore(name, outputs, last_attempt=attempt)
            raise
        _remove(aside)

    def _set_aside(self, name: str, former: dict[str, Any], outputs: Sequence[str]) -> None:
        aside = self._aside(name)
        if any(self.path(output).exists() for output in outputs):
            write_json(aside / _FORMER, {"id": "", **former})  # first: what is set aside is never without its record
            _move(outputs, self.folder, aside)

    def _bring_back(self, name: str, identity: str, outputs: Sequence[str]) -> None:
        """Where what was set aside is what is asked for again, it takes its place again."""
        former = _read_json(self._aside(name) / _FORMER)
        if former.get("id") == identity:
            self._restore(name, outputs)

    def _restore(self, name: str, outputs: Sequence[str], **more: str) -> None:
        aside = self._aside(name)
        if former := _read_json(aside / _FORMER):
            attempted = self.manifest["stages"].get(name, {}).get("id") != former.get("id")
            for output in outputs:  # a kill may have left some of them where they were
                if attempted or (aside / output).exists():
                    _remove(self.path(output))
            _move(outputs, aside, self.folder)
            self.manifest["stages"][name] = {**former, **more}
            self.note()
            _remove(aside)

    def _aside(self, name: str) -> Path:
        return self.path(f".former-{name}")

    @contextmanager
    def _recorded(self, name: str, identity: str) -> Iterator[dict[str, Any]]:
        started = time.time()
        record: dict[str, Any] = {"id": identity, "status": "running", "started": started}
        self.manifest["stages"][name] = record
        self.note()
        try:
            yield record
        except KeyboardInterrupt:
            record["status"] = "stopped: interrupted"
            self.note()
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            record["status"] = "out_of_memory" if is_out_of_memory(error) else f"failed: {reason}"
            self.note()
            raise
        record["status"] = "done"
        record["seconds"] = round(time.time() - started, 3)
        self.note()


def is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out: Python's error, CUDA's (`OutOfMemoryError`), the CPU allocator's (a plain one)."""
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "can't allocate memory" in str(error)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        if folder.is_file():
            raise RunError(f"{folder} is a file; choose another run folder with --out")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {"stages": {}}
    except OSError as error:
        raise RunError(f"cannot read {path}: {os.strerror(error.errno or 0)}. Choose another --out") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged: {error}. Move the folder away and run again") from error
    stages = manifest.get("stages") if isinstance(manifest, dict) else None
    if not isinstance(stages, dict) or not all(isinstance(record, dict) for record in stages.values()):
        raise RunError(f"{path} is damaged: it has no record of stages. Move the folder away and run again")
    return dict(manifest)


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a file of ours; nothing where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _move(names: Sequence[str], source: Path, target: Path) -> None:
    """Move what there is of `names` from one folder into another."""
    for name in names:
        if (source / name).exists():
            target.mkdir(exist_ok=True)
            os.replace(source / name, target / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
