"""A database that is only read, and a query that can neither harm nor hang.

Four walls stand around a query: the file is opened read-only and the connection refuses to write; an authorizer lets
only reading pass; a handler stops it at the time limit; rows, characters and SQLite's own limits bound what it makes.
Within one call of a function SQLite does not look at the clock; the limit on a text's length bounds such a call.
"""

import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from thriftune.tasks.sql.schema import quoted, tables_of
from thriftune.tasks.sql.words import words_of

Row = tuple[Any, ...]
MAX_CHARACTERS = 20_000
MAX_ROWS = 20_000
MAX_RESULT = 4_000_000  # characters of all cells
_HEAP = 512 * 2**20  # of all databases of the process: SQLite counts them together
_LOOKED_AT = 100_000  # rows whose values are counted
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 100_000,  # of a text, a blob and a row
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
}
_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_HARMFUL = {"load_extension", "writefile", "readfile", "edit", "fts3_tokenizer", "zeroblob", "randomblob"}
_HIDDEN = ("sqlite_master", "sqlite_schema", "sqlite_temp", "sqlite_dbpage", "sqlite_stmt", "pragma_", "dbstat")
_OTHER = (
    "alter analyze attach begin commit create delete detach drop end explain insert pragma reindex release replace "
    "rollback savepoint update vacuum"
)
_STATEMENTS = frozenset(_OTHER.split())


@dataclass(frozen=True)
class Fault:
    """What is wrong with a query: a kind such as `not_sql` or `limit:rows`, and a sentence."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Result:
    """What a query returned: the number of its columns, and its rows in order."""

    width: int
    rows: list[Row]

    @property
    def empty(self) -> bool:
        """Whether nothing was found: no row, or one that holds only NULL and 0."""
        return not self.rows or (len(self.rows) == 1 and not any(self.rows[0]))

    def summary(self) -> str:
        """Return a short text: how many rows, and the first three."""
        shown = "; ".join(", ".join(_short(cell) for cell in row[:8]) for row in self.rows[:3])
        return f"{len(self.rows)} rows: {shown}"[:300] if self.rows else "no rows"


class Database:
    """Runs queries on one connection, which it owns.

    Args:
        connection: filled already; from now on it can only be read.
        timeout_seconds: how long one query may run.
    """

    def __init__(self, connection: sqlite3.Connection, timeout_seconds: float = 10.0) -> None:
        self._connection, self._seconds = connection, timeout_seconds
        self._deadline, self._denied = 0.0, ""
        connection.isolation_level = None
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        for pragma in (f"hard_heap_limit = {_HEAP}", "temp_store = memory", "query_only = on", "trusted_schema = off"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        self.tables = tables_of(connection)
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        connection.set_authorizer(self._authorize)
        connection.set_progress_handler(self._late, 1000)

    def run(self, query: str) -> Result | Fault:
        """Run one query and return its rows, or what is wrong with it. Never raises for any text."""
        if fault := _refused(query):
            return fault
        self._deadline, self._denied = time.monotonic() + self._seconds, ""
        cursor = self._connection.cursor()
        try:
            cursor.execute(query)
            return self._fetched(cursor)
        except (sqlite3.Error, sqlite3.Warning, MemoryError, ValueError, OverflowError) as error:
            return self._fault(error)
        finally:
            cursor.close()

    def sample(self, table: str, most: int) -> list[Row]:
        """Return up to `most` rows of a table of `tables`, in the order of the file."""
        return self._inside(f"SELECT * FROM {quoted(table)} LIMIT {most}")

    def values(self, table: str, column: str, most: int) -> list[tuple[Any, int]]:
        """Return the values in the first rows of a column with how often they come, the most frequent first."""
        rows = f"SELECT {quoted(column)} AS value FROM {quoted(table)} LIMIT {_LOOKED_AT}"
        counted = f"SELECT value, count(*) AS n FROM ({rows}) WHERE value IS NOT NULL GROUP BY value"
        return self._inside(f"{counted} ORDER BY n DESC, value LIMIT {most}")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _inside(self, query: str) -> list[Row]:
        """Run the project's own query on the user's own table; a broken or endless view has no rows."""
        self._deadline = time.monotonic() + self._seconds
        longest = self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 10**9)
        try:
            return self._connection.execute(query).fetchall()
        except sqlite3.Error:
            return []
        finally:
            self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        hidden = action == sqlite3.SQLITE_READ and (first or "").lower().startswith(_HIDDEN)
        harmful = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _HARMFUL
        if action in _READING and not hidden and not harmful and time.monotonic() < self._deadline:
            return sqlite3.SQLITE_OK
        self._denied = next((text for text in (second, first) if text), "") or f"action {action}"
        return sqlite3.SQLITE_DENY

    def _late(self) -> bool:
        return time.monotonic() > self._deadline

    def _fetched(self, cursor: sqlite3.Cursor) -> Result | Fault:
        rows: list[Row] = []
        size = 0
        for row in cursor:
            rows.append(row)
            size += sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)
            if len(rows) > MAX_ROWS:
                return Fault("limit:rows", f"more than {MAX_ROWS} rows")
            if size > MAX_RESULT:
                return Fault("limit:size", f"the result has more than {MAX_RESULT} characters")
            if self._late():
                return self._timeout()
        return Result(len(cursor.description or ()), rows)

    def _timeout(self) -> Fault:
        return Fault("limit:time", f"no answer within {self._seconds:g} seconds")

    def _fault(self, error: BaseException) -> Fault:
        text = str(error)
        if self._late():
            return self._timeout()
        if self._denied:
            return Fault("limit:read_only", f"{text}: {self._denied}; only SELECT on the tables is run")
        if isinstance(error, MemoryError):
            return Fault("limit:memory", f"more than {_HEAP // 2**20} MB are needed")
        if text.startswith(("no such column", "no such table")):
            return Fault("unmapped_field", text)
        if "one statement at a time" in text:
            return Fault("limit:statements", "more than one statement")
        if "too big" in text or "too large" in text or "too many" in text or "too complex" in text:
            return Fault("limit:size", text)
        return Fault("not_sql" if any(said in text for said in ("syntax", "token", "incomplete")) else "invalid", text)


def _refused(query: str) -> Fault | None:
    if len(query) > MAX_CHARACTERS:
        return Fault("limit:size", f"{len(query)} characters; at most {MAX_CHARACTERS} are accepted")
    if "\0" in query or any("\ud800" <= letter <= "\udfff" for letter in query):
        return Fault("not_sql", "holds a NUL or half of a surrogate pair")
    first = next(iter(words_of(query)), "").lower()
    if first in _STATEMENTS:
        return Fault("limit:read_only", f"{first.upper()} is not run: only SELECT is")
    if first not in ("select", "with", "values"):
        return Fault("not_sql", f"starts with {first[:40]!r}; a query starts with SELECT or WITH")
    return None


def _short(cell: Any) -> str:
    text = f"{cell:.6g}" if isinstance(cell, float) else "NULL" if cell is None else str(cell)
    return text if len(text) <= 40 else text[:39] + "…"
