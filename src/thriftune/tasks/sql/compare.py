"""When two results are the same, as the test suite of Spider says (Zhong et al. 2020).

Rows are compared as a multiset, columns in any order and by any name; the order of rows counts only where the gold query
asks for one. Numbers are equal within a relative 1e-6 if one of them has a fraction. Where an order is asked, rows that
tie in it are not free: both queries have to return them alike, as in the suite.
"""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from thriftune.tasks.sql.database import Result, Row

_TOLERANCE = 1e-6
_TRIES = 2_000  # beginnings of an order of columns that are looked at

_Column = tuple[Any, ...]


def same(gold: Result, other: Result, ordered: bool) -> bool:
    """Tell whether two results are the same; `ordered` says that the gold query has an order."""
    if not gold.rows and not other.rows:
        return True
    if gold.width != other.width or len(gold.rows) != len(other.rows):
        return False
    expected, got = _columns(gold, other)
    if ordered:  # columns that match as sequences can be paired one by one
        return Counter(expected) == Counter(got)
    return _paired(expected, got)


def f1(gold: Result, other: Result) -> float:
    """Return the F1 of rows as multisets, with the columns paired that have most in common; 0 if the widths differ."""
    if not gold.rows and not other.rows:
        return 1.0
    if gold.width != other.width or not gold.rows or not other.rows:
        return 0.0
    expected, got = _columns(gold, other)
    chosen = _alike(expected, got)
    common = Counter(zip(*expected, strict=True)) & Counter(zip(*chosen, strict=True))
    return 2 * common.total() / (len(gold.rows) + len(other.rows))


def difference(gold: Result, other: Result) -> str:
    """Say in words where two results differ."""
    if gold.width != other.width:
        return f"{other.width} columns instead of {gold.width}"
    if len(gold.rows) != len(other.rows):
        return f"{len(other.rows)} rows instead of {len(gold.rows)}"
    if f1(gold, other) == 1.0:
        return "same rows in another order"
    expected, got = _columns(gold, other)
    common = Counter(zip(*expected, strict=True)) & Counter(zip(*_alike(expected, got), strict=True))
    return f"{len(gold.rows) - common.total()} of {len(gold.rows)} rows differ"


def _columns(gold: Result, other: Result) -> tuple[list[_Column], list[_Column]]:
    """Return both results by column, with equal numbers replaced by one and the same."""
    one = _classes([*gold.rows, *other.rows])
    return [
        [tuple(_cell(row[index], one) for row in result.rows) for index in range(result.width)]
        for result in (gold, other)
    ]  # type: ignore[return-value]


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
    """A number is paired with a mark: to Python 1 and '1' differ already, and so do text and bytes."""
    return one[cell] if isinstance(cell, int | float) else cell


def _paired(expected: list[_Column], got: list[_Column]) -> bool:
    """Search an order of `got`'s columns that gives the same multiset of rows: column by column, dead ends left early."""
    tries = [_TRIES]
    counts = [Counter(column) for column in got]
    fitting = [[i for i, count in enumerate(counts) if count == Counter(column)] for column in expected]

    def go_on(chosen: list[int]) -> bool:
        depth = len(chosen)
        if depth == len(expected):
            return True
        seen: set[_Column] = set()
        for index in fitting[depth]:
            if index in chosen or got[index] in seen:
                continue
            seen.add(got[index])
            tries[0] -= 1
            if tries[0] < 0:
                return False
            rows = Counter(zip(*expected[: depth + 1], strict=True))
            if rows == Counter(zip(*(got[i] for i in (*chosen, index)), strict=True)) and go_on([*chosen, index]):
                return True
        return False

    return all(fitting) and go_on([])


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
