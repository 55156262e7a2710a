"""Rows of lessons from the files that other tools write."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thriftune.errors import InputError
from thriftune.files import read_lines
from thriftune.tables import arrow
from thriftune.tables.rows import NAMES, Row, columns_of, row_of

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
_LARGEST_CELL = 10_000_000  # characters; the module's own limit is 131,072


def is_table(path: Path) -> bool:
    """Tell whether a file or folder is a table of lessons, and not a file of recorded answers."""
    if path.is_dir():
        return True
    if path.suffix != ".jsonl":
        return path.suffix in SUFFIXES
    first = next(iter(read_lines(path, whole=True)), (0, None))[1]
    return isinstance(first, dict) and "response" not in first and bool({*NAMES["prompt"], *NAMES["dsl"]} & {*first})


def read(path: Path) -> Iterator[tuple[str, Row]]:
    """Yield (place, row) of a table: CSV, JSONL, Parquet, or a Hugging Face dataset folder.

    Raises:
        InputError: the file cannot be read; names file, row and column.
        MissingPackage: Parquet and dataset folders need pyarrow.
    """
    if not path.exists():
        raise InputError(f"there is no file {path}")
    for place, value in _values(path):
        yield place, row_of(value, place)


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    if path.is_dir():
        yield from arrow.read_folder(path)
    elif path.suffix in (".csv", ".tsv"):
        yield from _csv(path)
    elif path.suffix == ".jsonl":
        yield from ((f"{path}: row {number}", value) for number, value in read_lines(path, whole=True))
    elif path.suffix == ".parquet":
        yield from arrow.read_parquet(path)
    else:
        raise InputError(f"{path}: known are {', '.join(SUFFIXES)} and Hugging Face dataset folders")


def _csv(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows are counted as tables do, without the header and whatever lines their cells take."""
    csv.field_size_limit(_LARGEST_CELL)
    number = 0
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_delimiter(file.readline(), path), strict=True)
            file.seek(0)
            header = next(reader, [])
            columns_of(header, str(path))
            for cells in reader:
                number += bool(cells)
                if cells and len(cells) != len(header):
                    raise InputError(f"{path}: row {number}: {len(cells)} cells for {len(header)} columns")
                if cells:
                    yield f"{path}: row {number}", dict(zip(header, cells, strict=True))
    except OSError as error:
        raise InputError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: row {number + 1} or soon after: not UTF-8; save it as CSV UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{path}: row {number + 1}: {error}") from error


def _delimiter(header: str, path: Path) -> str:
    """The one with which the header names a prompt: some spreadsheets write semicolons."""
    for delimiter in (",", ";", "\t"):
        cells = next(csv.reader([header], delimiter=delimiter), [])
        if {*NAMES["prompt"]} & {*cells}:
            return delimiter
    return "\t" if path.suffix == ".tsv" else ","
