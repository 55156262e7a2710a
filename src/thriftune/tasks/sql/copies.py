"""The perturbed copies of one database, each with a twin, and whether two queries agree on all of them.

The twin has the same rows laid down in another order. Where the gold's results differ between the two, the gold owes
them to chance (a tie inside a subquery, a column that stands outside GROUP BY), and that copy judges nobody.
"""

import random
import sqlite3
from collections.abc import Iterable
from itertools import chain

from thriftune.errors import InputError
from thriftune.tasks.sql import compare, perturb
from thriftune.tasks.sql.database import Database, Fault, Row
from thriftune.tasks.sql.order import expected
from thriftune.tasks.sql.schema import quoted

_COPIES = 2  # for all gold queries of a database; one more is made for each
_MOST = 5_000  # rows of a table that copies are drawn from

_Pair = tuple[Database, Database]


class Copies:
    """Judges on copies of `source`, which are made at first need.

    Raises:
        InputError: the tables are too large to be copied.
    """

    def __init__(self, source: Database, name: str, timeout_seconds: float) -> None:
        self._tables, self._name, self._seconds = source.tables, name, timeout_seconds
        self._rows = {
            table: source.sample(table, _MOST)
            for table, made in source.tables.items()
            if made.columns and not made.view
        }
        self._plain = [self._pair(perturb.others(self._tables, self._rows, f"{name}:{n}")) for n in range(_COPIES)]
        self._gold = ""
        self._own: list[_Pair] = []
        self._expected: list[tuple[Database, compare.Expected]] = []

    def same(self, gold: str, predicted: str) -> bool:
        """Tell whether the predicted query returns on every copy what the gold query does."""
        if gold != self._gold or not self._own:
            self._prepare(gold)
        for database, wanted in self._expected:
            got = database.run(predicted)
            if isinstance(got, Fault) or not compare.same(wanted, got):
                return False
        return True

    def close(self) -> None:
        """Close the copies."""
        for database in chain(*self._plain, *self._own):
            database.close()
        self._plain, self._own = [], []

    def _prepare(self, gold: str) -> None:
        for database in chain(*self._own):
            database.close()
        self._gold, self._own = gold, [self._pair(perturb.planted(self._tables, self._rows, gold, self._name))]
        self._expected = []
        for database, twin in [*self._plain, *self._own]:
            wanted, again = expected(database, gold), twin.run(gold)
            if not isinstance(wanted, Fault) and not isinstance(again, Fault) and compare.same(wanted, again):
                self._expected.append((database, wanted))

    def _pair(self, rows: perturb.Rows) -> _Pair:
        try:
            first = perturb.filled(self._tables, rows)
            second = perturb.filled(self._tables, _shuffled(first, rows, self._name))
            return Database(first, self._seconds), Database(second, self._seconds)
        except (sqlite3.Error, MemoryError) as error:
            raise InputError(
                f"task.databases.{self._name} cannot be copied for robust execution match: {error}. "
                "Give a smaller database, or set evaluate.robust to false"
            ) from error


def _shuffled(connection: sqlite3.Connection, tables: Iterable[str], seed: str) -> dict[str, list[Row]]:
    """Return the rows that a copy holds, each table's in another order."""
    chance = random.Random(seed)
    held = {name: connection.execute(f"SELECT * FROM {quoted(name)}").fetchall() for name in tables}
    return {name: chance.sample(rows, len(rows)) for name, rows in held.items()}
