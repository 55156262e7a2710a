"""What the answer to a gold query leaves open: the order of rows that tie, and which of them a limit takes.

The gold is run once more without its limit and with the terms of its ORDER BY as further columns. Rows whose terms are
equal tie. Where that cannot be done (ORDER BY of a UNION, a limit that is computed) every row has its one place.
"""

from itertools import groupby

from thriftune.tasks.sql.compare import Expected, Slot, same
from thriftune.tasks.sql.database import Database, Fault, Result, Row
from thriftune.tasks.sql.words import Word, marked

_DIRECTIONS = {"asc", "desc", "nulls", "first", "last"}


def expected(database: Database, gold: str) -> Expected | Fault:
    """Run a gold query; return what an answer has to hold, or what is wrong with the gold."""
    result = database.run(gold)
    if isinstance(result, Fault):
        return result
    clauses = _Clauses(gold)
    if not clauses.order and not clauses.limit:
        return Expected(result, [Slot(len(result.rows), result.rows)])
    whole, offset = clauses.keyed(), clauses.offset()
    found = database.run(whole) if whole is not None and offset is not None else None
    if isinstance(found, Result) and offset is not None:
        free = Expected(result, _slots(result, found, offset))
        if same(free, result):  # else the gold owes something to chance, or is not what it seems
            return free
    rows = result.rows
    return Expected(result, [Slot(1, [row]) for row in rows] if clauses.order else [Slot(len(rows), rows)])


def _slots(result: Result, found: Result, offset: int) -> list[Slot]:
    """Cut the places after `offset` into one slot for each group of rows that tie."""
    slots, start, last = [], 0, offset + len(result.rows)
    for _, group in groupby(found.rows, key=lambda row: row[result.width :]):
        rows: list[Row] = [row[: result.width] for row in group]
        places = min(start + len(rows), last) - max(start, offset)
        if places > 0:
            slots.append(Slot(places, rows))
        start += len(rows)
    return slots


class _Clauses:
    """The outermost clauses of a query, as words with their places in its text."""

    def __init__(self, query: str) -> None:
        self._query = query
        words = marked(query)
        self._end = words[-1].end if words else 0
        selects = _places(words, "select")
        compound = any(_places(words, word) for word in ("union", "except", "intersect"))
        first = selects[0] if len(selects) == 1 and not compound else None
        limit = _after(words, "limit", 0)
        order = _after(words, "order", 0)
        self._start_of_limit = words[limit].start if limit is not None else self._end
        self.limit = words[limit + 1 :] if limit is not None else []
        self.order = words[order + 2 : limit] if order is not None else []
        begin = _after(words, "from", first) if first is not None else None
        self._columns = words[first + 1 : begin] if first is not None and begin is not None else None
        self._from = words[begin].start if begin is not None else 0

    def offset(self) -> int | None:
        """Return how many rows are skipped; None if the limit is not written in plain numbers."""
        words = [word.text for word in self.limit]
        numbers = [int(word) for word in words if word.isdecimal()]
        if len(words) == len(numbers) < 2:
            return 0
        if len(words) == 3 and len(numbers) == 2 and words[1] in ("offset", ","):
            return numbers[1 if words[1] == "offset" else 0]
        return None

    def keyed(self) -> str | None:
        """Return the query without its limit, with the terms of its order as further columns; None if none can be."""
        head, tail = self._query[: self._from], self._query[self._from : self._start_of_limit]
        if not self.order:
            return head + tail
        if self._columns is None:
            return None
        distinct = self._columns[:1] and self._columns[0].text in ("distinct", "all")
        items = _parts(self._columns[1:] if distinct else self._columns)
        asked = _parts(self.order)
        terms = [term for part in asked if (term := _resolved(_undirected(part), items))]
        shown = [_said(_unnamed(item)) for item in items]
        if len(terms) < len(asked) or (distinct and not all(_said(term) in shown for term in terms)):
            return None  # behind DISTINCT a further column would make more rows
        return head + "".join(f", {self._text(term)}" for term in terms) + " " + tail

    def _text(self, words: list[Word]) -> str:
        return self._query[words[0].start : words[-1].end]


def _resolved(term: list[Word], items: list[list[Word]]) -> list[Word] | None:
    """Return the expression that a term of ORDER BY means: itself, or that of the column whose number or name it is."""
    names = {item[-1].text: item for item in items if _is_named(item)}
    if not term:
        return None
    said = term[0].text
    if len(term) == 1 and said.isdecimal():
        plain = 0 < int(said) <= len(items) and all(item[-1].text != "*" for item in items)
        return _unnamed(items[int(said) - 1]) if plain else None
    if len(term) == 1 and said in names:
        return _unnamed(names[said])
    return None if any(word.text in names for word in term) else term


def _is_named(item: list[Word]) -> bool:
    return len(item) > 2 and item[-2].text == "as"


def _unnamed(item: list[Word]) -> list[Word]:
    return item[:-2] if _is_named(item) else item


def _undirected(term: list[Word]) -> list[Word]:
    while term and term[-1].text in _DIRECTIONS:
        term = term[:-1]
    return term


def _said(words: list[Word]) -> list[str]:
    return [word.text for word in words]


def _parts(words: list[Word]) -> list[list[Word]]:
    """Split at the commas that stand outside parentheses."""
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.text == "," and word.depth == 0:
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _places(words: list[Word], text: str) -> list[int]:
    return [place for place, word in enumerate(words) if word.depth == 0 and word.text == text]


def _after(words: list[Word], text: str, place: int) -> int | None:
    return next((found for found in _places(words, text) if found > place), None)
