"""Parquet files and the folders of Hugging Face `datasets` (`save_to_disk`, or Parquet parts), by pyarrow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from thriftune.errors import InputError, MissingPackage
from thriftune.files import content_id, write_json
from thriftune.tables.rows import COLUMNS, Row

_DATA = "data-00000-of-00001.arrow"


def read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, value) of a Parquet file.

    Raises:
        InputError: it is none. MissingPackage: pyarrow is not installed.
    """
    pyarrow = _pyarrow()
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            yield from _rows(file.iter_batches(), path)
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path} is no Parquet file that can be read: {error}") from error


def read_folder(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (place, value) of all splits of a dataset folder.

    Raises:
        InputError: it is none. MissingPackage: pyarrow is not installed.
    """
    if (path / "dataset_dict.json").is_file():
        for split in _json(path / "dataset_dict.json").get("splits", []):
            yield from read_folder(path / str(split))
    elif (path / "state.json").is_file():
        yield from _read_saved(path)
    else:
        parts = sorted(path.rglob("*.parquet"))
        if not parts:
            raise InputError(f"{path} is no dataset folder: it has no dataset_dict.json, state.json or *.parquet")
        for part in parts:
            yield from read_parquet(part)


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as one Parquet file."""
    table = _table(rows)
    import pyarrow.parquet as parquet

    parquet.write_table(table, path)


def write_folder(path: Path, parts: Mapping[str, Sequence[Row]]) -> None:
    """Write parts as a `DatasetDict` that `datasets.load_from_disk` takes."""
    pyarrow = _pyarrow()
    features = {name: {"dtype": "string", "_type": "Value"} for name in COLUMNS}
    for name, rows in parts.items():
        table, folder = _table(rows), path / name
        folder.mkdir(parents=True, exist_ok=True)
        with pyarrow.OSFile(str(folder / _DATA), "wb") as file, pyarrow.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
        write_json(folder / "dataset_info.json", {"features": features, "citation": "", "description": ""})
        write_json(folder / "state.json", _state(name, content_id([row.model_dump() for row in rows])))
    write_json(path / "dataset_dict.json", {"splits": list(parts)})


def _state(split: str, fingerprint: str) -> dict[str, Any]:
    return {
        "_data_files": [{"filename": _DATA}],
        "_fingerprint": fingerprint,
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }


def _read_saved(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    pyarrow = _pyarrow()
    number = 0
    for entry in _json(path / "state.json").get("_data_files") or []:
        file = path / str(entry.get("filename"))
        try:
            with pyarrow.memory_map(str(file)) as source, pyarrow.ipc.open_stream(source) as stream:
                for place, value in _rows(stream, path, number):
                    number += 1
                    yield place, value
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{file} cannot be read: {error}") from error


def _rows(batches: Any, path: Path, before: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    number = before
    for batch in batches:
        for value in batch.to_pylist():
            number += 1
            yield f"{path}: row {number}", value


def _table(rows: Sequence[Row]) -> Any:
    pyarrow = _pyarrow()
    schema = pyarrow.schema([(name, pyarrow.string()) for name in COLUMNS])
    return pyarrow.table({name: [getattr(row, name) for row in rows] for name in COLUMNS}, schema=schema)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} is damaged: it holds no object")
    return value


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError as error:
        why = "it reads and writes Parquet files and Hugging Face dataset folders"
        raise MissingPackage("thriftune[tables]", why) from error
    return pyarrow
