"""The literals of a gold query, and the values near them by which a nearly right query is told apart."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from thriftune.tasks.query_dsl.bodies import fields_named
from thriftune.tasks.query_dsl.dates import moment
from thriftune.tasks.query_dsl.mapping import FieldType

WHOLE = {"integer", "long", "short", "byte", "unsigned_long"}
REAL = {"float", "double", "half_float", "scaled_float"}
DATES = {"date", "date_nanos"}
_TEXTUAL = {"term", "terms", "match", "match_phrase", "prefix", "wildcard", "fuzzy", "match_phrase_prefix"}
_INWARD = {"gt": 1, "lt": -1, "gte": 0, "lte": 0, "from": 0, "to": 0}  # steps from a bound to what lies within
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_STEPS = (timedelta(0), _SECOND, -_SECOND, _DAY, -_DAY)


@dataclass(frozen=True)
class Values:
    """What made documents hold in one field.

    Attributes:
        near: the literals, their neighbours, and others.
        meeting: values that meet the clauses which name the field, each clause by itself; none below a negation.
        asked: whether the query names the field; otherwise only an aggregation or a sort does.
    """

    near: list[Any]
    meeting: list[Any]
    asked: bool


@dataclass(frozen=True)
class _Leaf:
    name: str
    literal: Any
    steps: int = 0
    negated: bool = False


def values_of(gold: dict[str, Any], fields: dict[str, FieldType]) -> dict[str, Values]:
    """Return the values for every field of the mapping that the gold names in a query, an aggregation or a sort."""
    leaves = list(_leaves(gold))
    asked = dict.fromkeys(leaf.name for leaf in leaves)
    named = [*asked, *(name for _, name in fields_named(gold) if name not in asked)]
    found = {}
    for name in dict.fromkeys(named):
        if name in fields and fields[name].type != "nested":
            own, kind = [leaf for leaf in leaves if leaf.name == name and leaf.literal is not None], fields[name].type
            meeting = [_moved(leaf.literal, kind, leaf.steps) for leaf in own if not leaf.negated]
            near = _near([leaf.literal for leaf in own], kind)
            found[name] = Values(near, [value for value in meeting if value is not None], name in asked)
    return found


def _leaves(value: Any, negated: bool = False) -> Iterator[_Leaf]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item, negated)
    if not isinstance(value, dict):
        return
    for clause, inner in value.items():
        if isinstance(inner, dict):
            for leaf in _leaf(clause, inner):
                yield _Leaf(leaf.name, leaf.literal, leaf.steps, negated)
        yield from _leaves(inner, negated != (clause == "must_not"))


def _leaf(clause: str, inner: dict[str, Any]) -> Iterator[_Leaf]:
    """The literals of one clause, one by one; a clause without any, such as `exists`, has the literal None."""
    if clause == "exists" and isinstance(inner.get("field"), str):
        yield _Leaf(inner["field"], None)
    elif clause in _TEXTUAL and "field" not in inner:
        for name, literal in inner.items():
            if isinstance(literal, dict):
                literal = literal.get("value", literal.get("query"))
            for one in literal if isinstance(literal, list) else [literal]:
                plain = str(one).replace("*", "x").replace("?", "y") if clause == "wildcard" else one
                yield _Leaf(name, plain)
    elif clause == "multi_match" and isinstance(inner.get("fields"), list):
        yield from (_Leaf(name.split("^")[0], inner.get("query")) for name in inner["fields"] if isinstance(name, str))
    elif clause == "range" and "field" not in inner:
        for name, bounds in inner.items():
            if isinstance(bounds, dict):
                yield _Leaf(name, None)
                yield from (_Leaf(name, bounds[key], _INWARD[key]) for key in bounds if key in _INWARD)


def _near(literals: list[Any], kind: str) -> list[Any]:
    """Return the literals, their neighbours and one far value, typed for the field; of no literals, some values."""
    if kind in WHOLE or kind in REAL:
        numbers = [number for literal in literals if (number := _number(literal, kind)) is not None]
        if not numbers:  # many values, so that the least and the greatest are those of few documents
            return [_stepped(_number(0, kind), kind, step) for step in range(120)]
        steps = (0, -1, 1) if kind in WHOLE else (0, -1, 1, -0.5, 0.5)
        return [_stepped(number, kind, step) for number in numbers for step in steps] + [
            _stepped(numbers[0], kind, 1000)
        ]
    if kind in DATES:
        dates = [date for literal in literals if (date := moment(literal))] or [datetime(2010, 6, 15)]
        return [near for date in dates for step in _STEPS if (near := _later(date, step))] + ["1950-01-01T00:00:00"]
    if kind == "boolean":
        return [True, False]
    if kind == "ip":
        return [*map(str, literals), "10.0.0.1", "192.168.255.254"]
    if kind == "geo_point":
        return [{"lat": 40.0, "lon": -75.0}, {"lat": 34.0, "lon": -118.0}]
    return _texts([str(literal) for literal in literals] or ["alpha"])


def _texts(texts: list[str]) -> list[str]:
    others = [word for text in texts for word in (text, f"{text} beta", text.split(" ")[0])]
    turned = [" ".join(reversed(text.split(" "))) for text in texts if " " in text]  # the words, but not the phrase
    return [*others, *turned, texts[0].lower(), "gamma"]


def _moved(literal: Any, kind: str, steps: int) -> Any:
    """Return a literal as a document holds it, so many steps away; None where that is not known."""
    if kind in WHOLE or kind in REAL:
        number = _number(literal, kind)
        return None if number is None else _stepped(number, kind, steps)
    if kind in DATES:
        date = moment(literal)
        return _later(date, steps * _SECOND) if date else None
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(literal).lower())
    return None if kind == "geo_point" else str(literal)


def _stepped(number: Any, kind: str, steps: float) -> Any:
    """Whole numbers step by one; others by the last decimal they are written with, at least a tenth."""
    if kind in WHOLE:
        return number + int(steps)
    decimals = max(1, -int(Decimal(repr(number)).as_tuple().exponent))
    return round(number + steps * 10.0**-decimals, decimals + 1)


def _number(literal: Any, kind: str) -> Any:
    try:
        number = float(literal)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return int(literal if isinstance(literal, int) else number) if kind in WHOLE else number


def _later(date: datetime, step: timedelta) -> str | None:
    try:
        return (date + step).isoformat()
    except OverflowError:  # 9999-12-31 has no day after
        return None
