"""Other rows for the tables of a database: a wrong query that returned the right rows by luck is caught there.

The idea is the distilled test suite of Zhong et al. 2020. A copy keeps 50 – 80 % of the rows of every table, and adds
rows whose values are drawn each from another row, or are NULL. For one gold query a further copy has rows that hold the
query's own numbers and texts, and their neighbours: there `>` differs from `>=`. What the schema promises stays true
(NOT NULL, keys that never come twice; tables that others refer to stay whole), so that queries which are equal
under the schema stay equal; affinities and views stay too.
"""

import random
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from thriftune.tasks.sql.database import Row
from thriftune.tasks.sql.schema import Table, affinity, quoted
from thriftune.tasks.sql.words import words_of

_DRAWN, _MOST_DRAWN = 0.1, 200
_NULL = 0.1
_LOOKED_AT = 100  # values that tell the shape of a column's texts
_PLANTED, _KEPT_BESIDE, _PLANT = 200, 400, 0.6

Literals = Mapping[str, Sequence[Any]]  # values to plant, by column in small letters
Rows = Mapping[str, Sequence[Row]]


def others(tables: Mapping[str, Table], rows: Rows, seed: str) -> dict[str, list[Row]]:
    """Return other rows for every table; equal seeds give equal rows."""
    chance = random.Random(seed)
    made = {}
    for name, real in rows.items():
        whole = tables[name].parent or not real
        share = 1.0 if whole else chance.uniform(0.5, 0.8)
        count = 0 if whole else min(_MOST_DRAWN, 1 + int(_DRAWN * len(real)))
        drawn = [_drawn(real, chance) for _ in range(count)]
        made[name] = drawn + [row for row in real if chance.random() < share]
    return made


def planted(tables: Mapping[str, Table], rows: Rows, gold: str, seed: str) -> dict[str, list[Row]]:
    """Return some of the rows, and before them rows that hold the values of a gold query and their neighbours."""
    chance = random.Random(f"{seed}\n{gold}")
    made = {}
    for name, real in rows.items():
        table = tables[name]
        literals = _literals(table, real, gold)
        some = real if table.parent else chance.sample(real, min(_KEPT_BESIDE, len(real)))
        count = _PLANTED if literals and real else 0
        made[name] = [_with(literals, table, _drawn(real, chance), chance) for _ in range(count)] + list(some)
    return made


def filled(tables: Mapping[str, Table], rows: Rows) -> sqlite3.Connection:
    """Return a database in memory; a row that breaks what the schema promises is left out."""
    connection = sqlite3.connect(":memory:")
    for name, table in tables.items():
        if name in rows:
            connection.execute(f"CREATE TABLE {quoted(name)} ({_declared(table)})")
            marks = ", ".join("?" * len(table.columns))
            connection.executemany(f"INSERT OR IGNORE INTO {quoted(name)} VALUES ({marks})", rows[name])
    for table in tables.values():
        if table.view:
            connection.execute(table.view)
    connection.commit()
    return connection


def _declared(table: Table) -> str:
    columns = [
        f"{quoted(name)} {affinity(type_)}{' NOT NULL' if name in table.required else ''}"
        for name, type_ in table.columns.items()
    ]
    return ", ".join([*columns, *(f"UNIQUE ({', '.join(map(quoted, columns))})" for columns in table.unique)])


def _drawn(rows: Sequence[Row], chance: random.Random) -> Row:
    return tuple(None if chance.random() < _NULL else chance.choice(rows)[column] for column in range(len(rows[0])))


def _with(literals: Literals, table: Table, row: Row, chance: random.Random) -> Row:
    def cell(name: str, value: Any) -> Any:
        planted = literals.get(name.lower())
        return chance.choice(planted) if planted and chance.random() < _PLANT else value

    return tuple(cell(name, value) for name, value in zip(table.columns, row, strict=True))


def _literals(table: Table, real: Sequence[Row], gold: str) -> dict[str, list[Any]]:
    """Return for each column that the query names the query's values of its kind, with their neighbours.

    A column whose texts all have one shape (dates, times) gets no text of another; one that refers to another table
    gets nothing that may not stand there.
    """
    words = words_of(gold)
    said = {word.strip('"`[]').lower() for word in words}
    numbers = [near for word in words if word[0].isdigit() for near in _near_number(word)]
    texts = [near for word in words if word[0] == "'" for near in _near_text(word[1:-1].replace("''", "'"))]
    found: dict[str, list[Any]] = {}
    for place, (name, type_) in enumerate(table.columns.items()):
        if name.lower() in said and name not in table.refers:
            kind = affinity(type_)
            shapes = {_shape(row[place]) for row in real[:_LOOKED_AT] if isinstance(row[place], str)}
            fitting = [text for text in texts if len(shapes) != 1 or _shape(text) in shapes]
            values = ([] if kind == "TEXT" else numbers) + ([] if kind in ("INTEGER", "REAL") else fitting)
            found |= {name.lower(): values} if values else {}
    return found


def _shape(text: str) -> str:
    return re.sub(r"\d", "9", text)


def _near_number(word: str) -> Iterable[float]:
    try:
        value: float = int(word) if word.isdecimal() else float(word)
    except ValueError:
        return ()
    if abs(value) > 2**53:
        return ()
    step = 1 if isinstance(value, int) else 0.01
    return [sign * near for sign in (1, -1) for near in (value, value - step, value + step)]


def _near_text(text: str) -> Iterable[str]:
    plain = text.strip("%")
    near = [plain, plain + "x", "x" + plain]
    if re.fullmatch(r"\d{4}-\d\d-?", plain):
        near += [near_day for day in ("01", "28") for near_day in _near_time(f"{plain.rstrip('-')}-{day}")]
    return [*near, *_near_time(plain)]


def _near_time(text: str) -> list[str]:
    """Return a day with its neighbours, or a minute with its own."""
    for form, step in (("%Y-%m-%d", timedelta(days=1)), ("%H:%M", timedelta(minutes=1))):
        with suppress(ValueError, OverflowError):
            time = datetime.strptime(text, form)
            return [(time + count * step).strftime(form) for count in (-4, -1, 0, 1, 4)]
    return []
