"""What an answer returned, as a table."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

from thriftune.ui.colours import coloured

_COLUMNS, _CHARACTERS = 8, 80


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
                    with ui.element("td"):
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
