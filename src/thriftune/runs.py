"""The run folder: manifest, content ids, atomic writes, records appended one by one.

A stage that is `done` for the same content id is not done again. A kill at any moment loses at most the record
in flight: a half-written last line is cut off when the file is opened again.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from thriftune.errors import InputError, RunError
from thriftune.records import Record, dump

R = TypeVar("R", bound=Record)
MANIFEST = "manifest.json"


def content_id(*parts: Any) -> str:
    """Return a short stable id of JSON-able parts."""
    text = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_id(*paths: Path) -> str:
    """Return a short id of the bytes of the files, in order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is either the old one or the new one whole.

    Raises:
        RunError: the disk is full or the folder may not be written.
    """
    path = path.absolute()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write {path}: {os.strerror(error.errno or 0)}. Free space or choose --out") from error


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; floats are kept as they are, NaN is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write a whole JSONL file atomically."""
    write_text(path, "".join(json.dumps(dump(record), ensure_ascii=False) + "\n" for record in records))


def append_record(path: Path, record: Record | dict[str, Any]) -> None:
    """Append one record and flush it."""
    data = record if isinstance(record, dict) else dump(record)
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise RunError(f"cannot write {path}: {os.strerror(error.errno or 0)}. Free space or choose --out") from error


def read_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line number, JSON value) of a JSONL file; a last line without its newline is ignored.

    Raises:
        InputError: the file is missing or a line is not JSON.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
    for number, line in enumerate(lines[:-1], start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}:{number}: not JSON ({error.msg} at column {error.colno})") from error


def read_records(path: Path, kind: type[R]) -> list[R]:
    """Read a JSONL file of one kind of record.

    Raises:
        InputError: names file, line and field.
    """
    records = []
    for number, value in read_lines(path):
        try:
            records.append(kind.model_validate(value))
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise InputError(f"{path}:{number}: {where}: {fault['msg']}") from error
    return records


class Run:
    """One run folder. `manifest` maps a stage's name to its content id, status, times and figures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = {"stages": {}}
        path = folder / MANIFEST
        if path.exists():
            try:
                self.manifest = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise RunError(f"{path} is damaged: {error}. Move the folder away and run again") from error

    def path(self, *parts: str) -> Path:
        """Return a path inside the run folder."""
        return self.folder.joinpath(*parts)

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

    def stage(self, name: str, identity: str, outputs: Sequence[str], work: Callable[[], dict[str, Any]]) -> bool:
        """Do `work` unless it is done already; return whether it was done now.

        The manifest says `running` before, and `done` or `failed: reason` after. `outputs` are the files and folders
        that the stage goes on from: they are removed when they come from other content.
        """
        if self.is_done(name, identity):
            return False
        if self.manifest["stages"].get(name, {}).get("id") != identity:
            for output in outputs:
                _remove(self.path(output))
        with self._recorded(name, identity) as record:
            record["figures"] = work()
        return True

    @contextmanager
    def _recorded(self, name: str, identity: str) -> Iterator[dict[str, Any]]:
        started = time.time()
        record: dict[str, Any] = {"id": identity, "status": "running", "started": started}
        self.manifest["stages"][name] = record
        self.note()
        try:
            yield record
        except MemoryError:
            record["status"] = "out_of_memory"
            self.note()
            raise
        except KeyboardInterrupt:
            record["status"] = "stopped: interrupted"
            self.note()
            raise
        except Exception as error:
            record["status"] = f"failed: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            self.note()
            raise
        record["status"] = "done"
        record["seconds"] = round(time.time() - started, 3)
        self.note()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
