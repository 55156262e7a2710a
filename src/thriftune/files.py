"""Files of a run: content ids, atomic writes, records appended one by one.

A kill at any moment loses at most the record in flight: a half-written last line is cut off when the file is opened
again.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import ValidationError

from thriftune.errors import InputError, RunError
from thriftune.records import Record, dump

R = TypeVar("R", bound=Record)


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
        with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):  # there may be nothing to delete, or a file where the folder should be
            temporary.unlink()
        raise RunError(f"cannot write {path}: {os.strerror(error.errno or 0)}. Free space or choose --out") from error


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; floats are kept as they are, NaN is refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write a whole JSONL file atomically."""
    write_text(path, "".join(json.dumps(dump(record), ensure_ascii=False) + "\n" for record in records))


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Hold a file for one short write, after whoever holds it now, by a lock beside it.

    Raises:
        RunError: it may not be written.
    """
    try:
        file = open(path.with_name(f".{path.stem}.lock"), "w")  # noqa: SIM115  (closed below: see alone)
    except OSError as error:
        raise RunError(f"cannot write {path}: {os.strerror(error.errno or 0)}. Make the run folder writable") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def append_record(path: Path, record: Record | dict[str, Any]) -> None:
    """Append one record and flush it. What a kill left of the line before is cut off first."""
    data = record if isinstance(record, dict) else dump(record)
    line = json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        with open(path, "ab+") as file:
            _end_line(file)
            file.write(line.encode(errors="backslashreplace"))  # half of a surrogate pair becomes its JSON escape
    except OSError as error:
        raise RunError(f"cannot write {path}: {os.strerror(error.errno or 0)}. Free space or choose --out") from error


def _end_line(file: BinaryIO) -> None:
    """End the last line of a JSONL file: a whole value gets its newline, a piece of one is removed."""
    if file.tell() == 0:
        return
    file.seek(-1, os.SEEK_END)
    if file.read(1) == b"\n":
        return
    file.seek(0)
    content = file.read()
    start = content.rfind(b"\n") + 1
    try:
        json.loads(content[start:])
        file.write(b"\n")
    except ValueError:
        file.truncate(start)


def read_lines(path: Path, *, whole: bool = False) -> Iterator[tuple[int, Any]]:
    """Yield (line number, JSON value) of a JSONL file.

    A piece of a last line is what a kill left and is ignored, unless `whole`: a file made by others has none.

    Raises:
        InputError: the file is missing or a line is not JSON.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                value = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:
                if number == len(lines) and not whole:
                    return
                raise InputError(f"{path}:{number}: not JSON ({_why(error)})") from error
            yield number, value


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"


def validated(kind: type[R], value: Any, path: Path, number: int) -> R:
    """Return the value of line `number` of a file as a record.

    Raises:
        InputError: names file, line and field.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the line"
        raise InputError(f"{path}:{number}: {where}: {fault['msg']}") from error


def read_records(path: Path, kind: type[R]) -> list[R]:
    """Read a JSONL file of one kind of record.

    Raises:
        InputError: names file, line and field.
    """
    return [validated(kind, value, path, number) for number, value in read_lines(path)]
