"""What a database is made of: its tables with their columns and constraints, and its views."""

import sqlite3
from dataclasses import dataclass
from typing import Any

_INTERNAL = 1  # what `table_xinfo` says of a column that `SELECT *` does not show


@dataclass(frozen=True)
class Table:
    """A table, or a view.

    Attributes:
        columns: the declared type by name, in order, as `SELECT *` shows them.
        required: columns that are never NULL.
        unique: sets of columns whose values never come twice.
        refers: columns whose values stand in another table.
        parent: whether other tables refer to it.
        view: the SQL that makes it, if it is a view.
    """

    columns: dict[str, str]
    required: frozenset[str] = frozenset()
    unique: tuple[tuple[str, ...], ...] = ()
    refers: frozenset[str] = frozenset()
    parent: bool = False
    view: str = ""


def tables_of(connection: sqlite3.Connection) -> dict[str, Table]:
    """Return tables and views by name, in the order of their making."""
    query = (
        "SELECT name, CASE type WHEN 'view' THEN sql ELSE '' END FROM sqlite_master "
        "WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    found = connection.execute(query).fetchall()
    parents = {row[2].lower() for name, _ in found for row in _pragma(connection, "foreign_key_list", name)}
    return {name: _table(connection, name, name.lower() in parents, view) for name, view in found}


def quoted(name: str) -> str:
    """Return a name as SQL writes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def affinity(declared: str) -> str:
    """Return what SQLite makes of a declared type: TEXT, INTEGER, REAL, NUMERIC or BLOB."""
    upper = declared.upper()
    for said, kind in (("INT", "INTEGER"), ("CHAR", "TEXT"), ("CLOB", "TEXT"), ("TEXT", "TEXT"), ("BLOB", "BLOB")):
        if said in upper:
            return kind
    if any(said in upper for said in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC" if upper else "BLOB"


def _table(connection: sqlite3.Connection, name: str, parent: bool, view: str) -> Table:
    rows = [row for row in _pragma(connection, "table_xinfo", name) if row[6] != _INTERNAL]
    key = tuple(row[1] for row in sorted(rows, key=lambda row: int(row[5])) if row[5])
    unique = {key, *_indexes(connection, name)} - {()}
    required = frozenset(row[1] for row in rows if row[3] or row[5])
    refers = frozenset(row[3] for row in _pragma(connection, "foreign_key_list", name))
    return Table({row[1]: row[2] for row in rows}, required, tuple(sorted(unique)), refers, parent, view)


def _indexes(connection: sqlite3.Connection, table: str) -> list[tuple[str, ...]]:
    """Return the columns of each unique index; one on part of the rows, or on an expression, says nothing simple."""
    names = [row[1] for row in _pragma(connection, "index_list", table) if row[2] and not row[4]]
    parts = [tuple(row[2] for row in _pragma(connection, "index_info", name)) for name in names]
    return [columns for columns in parts if all(isinstance(column, str) for column in columns)]


def _pragma(connection: sqlite3.Connection, pragma: str, name: str) -> list[Any]:
    """Ask about a table; a view of a table that is gone, or a table of a module that is not there, has nothing."""
    try:
        return connection.execute(f"PRAGMA {pragma}({quoted(name)})").fetchall()
    except sqlite3.OperationalError:
        return []
