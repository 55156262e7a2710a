"""One row of a table of lessons, whatever its columns are called."""

import json
from collections.abc import Iterable
from typing import Any

from thriftune.errors import InputError
from thriftune.records import Record

NAMES = {
    "prompt": ("prompt", "question"),
    "dsl": ("dsl", "label", "answer"),
    "rationale": ("rationale",),
}
COLUMNS = ("id", "collection", "prompt", "dsl", "rationale")


class Row(Record):
    """A question, the query that answers it, and why. `id` and `collection` are `""` where a table has none."""

    id: str = ""
    collection: str = ""
    prompt: str
    dsl: str
    rationale: str


def columns_of(found: Iterable[Any], place: str) -> dict[str, str]:
    """Return which of the columns found holds what.

    Raises:
        InputError: a column is missing; `place` is the file, or file and row.
    """
    there = [str(name) for name in found]
    chosen: dict[str, str] = {name: name for name in ("id", "collection") if name in there}
    for name, spellings in NAMES.items():
        spelling = next((spelling for spelling in spellings if spelling in there), None)
        if spelling is None:
            others = f" (nor {', '.join(spellings[1:])})" if spellings[1:] else ""
            raise InputError(f"{place}: there is no column {name}{others}; there is: {', '.join(there) or 'none'}")
        chosen[name] = spelling
    return chosen


def row_of(value: Any, place: str) -> Row:
    """Return the row that an object holds. A query may stand as an object; it becomes its JSON text.

    Raises:
        InputError: names the place (file and row) and the column.
    """
    if not isinstance(value, dict):
        raise InputError(f"{place}: an object with prompt, dsl and rationale is expected, got {str(value)[:60]!r}")
    columns = columns_of(value, place)
    return Row(**{name: _text(value[column], name, f"{place}: column {column}") for name, column in columns.items()})


def _text(value: Any, name: str, place: str) -> str:
    if name == "dsl" and isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False, default=str)
    if value is None and name not in ("prompt", "dsl"):
        value = ""
    if name == "id" and isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        raise InputError(f"{place}: must be text, got {'nothing' if value is None else repr(value)[:60]}")
    if name in ("prompt", "dsl") and not value.strip():
        raise InputError(f"{place}: is empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:  # no tokenizer takes it
        raise InputError(f"{place}: half of a surrogate pair at character {error.start}") from error
    return value
