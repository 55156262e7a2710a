"""What an answer returns, as a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nicegui import run, ui

from thriftune.errors import UserError
from thriftune.records import Question
from thriftune.tasks.base import Found
from thriftune.ui.bench import Bench
from thriftune.ui.colours import coloured

_COLUMNS, _CHARACTERS, _WHOLE = 8, 80, 20


async def show_run(bench: Bench, question: Question, answer: str, place: ui.element, most: int) -> Found | None:
    """Run an answer and show in a place what it finds; return that, or None where it was not run or not shown."""
    found, fault = None, ""
    try:
        found = await run.io_bound(bench.found, question, answer, most)
    except UserError as error:
        fault = str(error)
    if place.is_deleted:  # something else is shown by now
        return None
    place.clear()
    with place:
        if found is None:
            ui.label(f"No index can be reached, so it was not run. {fault}").classes("note")
        else:
            show_found(asdict(found))
    return found


def show_found(found: Mapping[str, Any]) -> None:
    """Show a `tasks.base.Found` as data: how many, the first rows, the aggregations, or the fault."""
    if found["fault"]:
        ui.label(f"{found['fault']}: {found['detail']}").classes("bad")
        return
    if found["total"] is not None:
        shown = len(found["rows"])
        more = f", the first {shown} shown" if 0 < shown < found["total"] else ""
        ui.label(f"{found['total']:,} found{more}").classes("note total")
    if found["rows"]:
        table(*_table(found["rows"]))
    if found["figures"]:
        ui.html(coloured(json.dumps(found["figures"], ensure_ascii=False)), sanitize=False).classes("query")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Show a table of plain text."""
    with ui.element("div").classes("scroll"), ui.element("table"):
        with ui.element("tr"):
            for cell in head:
                with ui.element("th").props("scope=col"):
                    ui.label(cell)
        for row in rows:
            with ui.element("tr"):
                for cell in row:
                    # a date or a number of an article is not broken at its hyphens
                    with ui.element("td").classes("whole" if len(cell) <= _WHOLE and " " not in cell else ""):
                        ui.label(cell)


def _table(rows: Sequence[Any]) -> tuple[list[str], list[list[str]]]:
    if all(isinstance(row, Mapping) for row in rows):
        keys = list(dict.fromkeys(key for row in rows for key in row))[:_COLUMNS]
        return keys, [[_short(row.get(key, "")) for key in keys] for row in rows]
    if all(isinstance(row, list | tuple) for row in rows):
        wide = max(map(len, rows))
        return [str(number + 1) for number in range(wide)], [[_short(cell) for cell in row] for row in rows]
    return ["result"], [[_short(row)] for row in rows]


def _short(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        value = ", ".join(map(str, value))
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _CHARACTERS else text[: _CHARACTERS - 1] + "…"
