"""Copies of a database with other rows: a wrong query that returned the right rows by luck is caught there.

The idea is the distilled test suite of Zhong et al. 2020. A copy has 50 – 80 % of the rows of every table, and some rows
whose values are drawn each from another row, or are NULL. Its tables have the same names and types and no constraints.
"""

import random
import sqlite3
from collections.abc import Sequence

from thriftune.tasks.sql.database import Database, Row, quoted

COPIES = 3
_MOST = 20_000  # rows of a table that a copy is drawn from
_DRAWN, _MOST_DRAWN = 0.1, 200
_NULL = 0.1


def copy(source: Database, seed: str, timeout_seconds: float) -> Database:
    """Return one perturbed copy in memory; equal seeds give equal copies."""
    chance = random.Random(seed)
    connection = sqlite3.connect(":memory:")
    for table, columns in source.tables.items():
        declared = ", ".join(f"{quoted(name)} {_type(type_)}" for name, type_ in columns.items())
        connection.execute(f"CREATE TABLE {quoted(table)} ({declared})")
        rows = _other_rows(source.sample(table, _MOST), chance)
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO {quoted(table)} VALUES ({marks})", rows)
    connection.commit()
    return Database(connection, timeout_seconds)


def _other_rows(rows: Sequence[Row], chance: random.Random) -> list[Row]:
    if not rows:
        return []
    share = chance.uniform(0.5, 0.8)
    kept = [row for row in rows if chance.random() < share]
    count = min(_MOST_DRAWN, 1 + int(_DRAWN * len(rows)))
    return kept + [_drawn(rows, chance) for _ in range(count)]


def _drawn(rows: Sequence[Row], chance: random.Random) -> Row:
    return tuple(None if chance.random() < _NULL else chance.choice(rows)[column] for column in range(len(rows[0])))


def _type(declared: str) -> str:
    """Keep the affinity alone: what else stands there may be no type (`GENERATED ALWAYS`)."""
    upper = declared.upper()
    for said, affinity in (("INT", "INTEGER"), ("CHAR", "TEXT"), ("CLOB", "TEXT"), ("TEXT", "TEXT"), ("BLOB", "BLOB")):
        if said in upper:
            return affinity
    if any(said in upper for said in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC" if upper else "BLOB"
