"""When two results are the same.

Rows are compared as a multiset, columns in any order and by any name, as in the test suite of Spider (Zhong et al.
2020). The order of rows counts only where the gold query asks for one at its outermost level; rows that tie in it may
come in any order, and at a limit any of those that tie may be taken (`order` says which). Numbers are equal within a
relative 1e-6 if one of them is a REAL; a number never equals a text. Two empty results are the same.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thriftune.tasks.sql.database import Result, Row

_TOLERANCE = 1e-6
_TRIES = 2_000  # beginnings of an order of columns that are looked at

_Column = tuple[Any, ...]


@dataclass(frozen=True)
class Slot:
    """So many places in a row, to be filled from these rows, each taken once."""

    places: int
    rows: list[Row]


@dataclass(frozen=True)
class Expected:
    """What a gold query returned, and what an equal result has to hold: its slots one after the other."""

    result: Result
    slots: list[Slot]


def same(expected: Expected, other: Result) -> bool:
    """Tell whether a result fills the slots, with its columns in some order."""
    gold = expected.result
    if not gold.rows and not other.rows:
        return True
    if gold.width != other.width or len(gold.rows) != len(other.rows):
        return False
    offered = [row for slot in expected.slots for row in slot.rows]
    columns, got = _columns(gold.width, offered, other.rows)
    marks = [tuple(n for n, slot in enumerate(expected.slots) for _ in range(size(slot))) for size in (_offers, _asks)]
    return _fill([marks[0], *columns], [marks[1], *got])


def f1(gold: Result, other: Result) -> float:
    """Return the F1 of rows as multisets, with the columns paired that have most in common; 0 if the widths differ."""
    if not gold.rows and not other.rows:
        return 1.0
    if gold.width != other.width or not gold.rows or not other.rows:
        return 0.0
    return 2 * _common(gold, other) / (len(gold.rows) + len(other.rows))


def difference(gold: Result, other: Result) -> str:
    """Say in words where two results differ."""
    if gold.width != other.width:
        return f"{other.width} columns instead of {gold.width}"
    if len(gold.rows) != len(other.rows):
        return f"{len(other.rows)} rows instead of {len(gold.rows)}"
    missing = len(gold.rows) - _common(gold, other)
    return f"{missing} of {len(gold.rows)} rows differ" if missing else "same rows in another order"


def _offers(slot: Slot) -> int:
    return len(slot.rows)


def _asks(slot: Slot) -> int:
    return slot.places


def _common(gold: Result, other: Result) -> int:
    expected, got = _columns(gold.width, gold.rows, other.rows)
    return (Counter(zip(*expected, strict=True)) & Counter(zip(*_alike(expected, got), strict=True))).total()


def _columns(width: int, gold: Sequence[Row], other: Sequence[Row]) -> list[list[_Column]]:
    """Return both lists of rows by column, with equal numbers replaced by one and the same."""
    one = _classes([*gold, *other])
    return [
        [tuple(_cell(row[index], one) for row in rows) for index in range(width)] for rows in (gold, other)
    ]  # fmt: skip


def _classes(rows: Sequence[Row]) -> dict[float, float]:
    """Map every number to the least of those it is equal to."""
    numbers = sorted({cell for row in rows for cell in row if isinstance(cell, int | float)})
    one: dict[float, float] = {}
    anchor: float | None = None
    for number in numbers:
        fraction = isinstance(number, float) or isinstance(anchor, float)
        if anchor is None or not (fraction and math.isclose(anchor, number, rel_tol=_TOLERANCE, abs_tol=1e-12)):
            anchor = number
        one[number] = anchor
    return one


def _cell(cell: Any, one: dict[float, float]) -> Any:
    return one[cell] if isinstance(cell, int | float) else cell


def _fill(offered: list[_Column], got: list[_Column]) -> bool:
    """Search an order of `got`'s columns that takes its rows from those offered; the first column of both is a mark.

    The search goes column by column, and leaves a dead end as soon as the columns so far do not fit.
    """
    tries = [_TRIES]

    def fits(order: list[int]) -> bool:
        rows = Counter(zip(*offered[: len(order)], strict=True))
        return Counter(zip(*(got[index] for index in order), strict=True)) <= rows

    def go_on(order: list[int]) -> bool:
        if len(order) == len(offered):
            return True
        seen: set[_Column] = set()
        for index in set(range(len(got))) - set(order):
            tries[0] -= 1
            if tries[0] < 0:
                return False
            if got[index] not in seen and fits([*order, index]) and go_on([*order, index]):
                return True
            seen.add(got[index])
        return False

    return go_on([0])


def _alike(expected: list[_Column], got: list[_Column]) -> list[_Column]:
    """Give each expected column the one left that shares most values with it; its own place wins a tie."""
    left = dict(enumerate(Counter(column) for column in got))
    chosen = []
    for place, column in enumerate(expected):
        counts = Counter(column)
        best = max(left, key=lambda index: ((counts & left[index]).total(), index == place))
        del left[best]
        chosen.append(got[best])
    return chosen
