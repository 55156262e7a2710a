"""Rows of lessons in the formats of other tools, one file a part (train, valid, test)."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from thriftune.files import write_records, write_text
from thriftune.tables import arrow
from thriftune.tables.rows import COLUMNS, Row

FORMATS = ("csv", "jsonl", "parquet", "hf")


def write(folder: Path, parts: Mapping[str, Sequence[Row]], form: str) -> list[Path]:
    """Write `PART.csv`, `PART.jsonl` or `PART.parquet`, or one folder for Hugging Face `datasets`; return the paths.

    Raises:
        MissingPackage: `parquet` and `hf` need pyarrow.
        RunError: the folder may not be written.
    """
    if form == "hf":
        arrow.write_folder(folder, parts)
        return [folder]
    paths = []
    for name, rows in parts.items():
        path = folder / f"{name}.{form}"
        if form == "csv":
            write_text(path, _csv(rows))
        elif form == "jsonl":
            write_records(path, rows)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            arrow.write_parquet(path, rows)
        paths.append(path)
    return paths


def write_chats(folder: Path, parts: dict[str, list[list[dict[str, str]]]]) -> list[Path]:
    """Write `PART.jsonl` with one `{"messages": […]}` a line, as trainers of chat models read it."""
    paths = []
    for name, chats in parts.items():
        paths.append(folder / f"{name}.jsonl")
        lines = [json.dumps({"messages": chat}, ensure_ascii=False) + "\n" for chat in chats]
        write_text(paths[-1], "".join(lines))
    return paths


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    return text.getvalue()
