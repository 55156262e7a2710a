"""Documents made from a gold query's own literals, so that a nearly right query is told apart.

On real documents `gt` and `gte` mostly return the same hits. For every leaf of the gold query the documents here hold
the literal itself, its neighbours, another value, or nothing, in random combinations; and arrays of two of these where
the real documents have arrays (a field with one value by nature would else tell apart bodies that mean the same).
"""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from thriftune.tasks.query_dsl.dates import moment
from thriftune.tasks.query_dsl.mapping import FieldType, fields_of

COUNT = 120
_WHOLE = {"integer", "long", "short", "byte", "unsigned_long"}
_REAL = {"float", "double", "half_float", "scaled_float"}
_RANGE = {"gt", "gte", "lt", "lte", "from", "to"}
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_STEPS = (timedelta(0), _SECOND, -_SECOND, _DAY, -_DAY)


def documents(
    gold: dict[str, Any], mapping: dict[str, Any], sample: list[dict[str, Any]], seed: str
) -> Iterator[dict[str, Any]]:
    """Yield `COUNT` documents: real ones whose fields named by the gold hold values near its literals.

    Args:
        sample: real documents that the other fields are taken from.
        seed: makes the documents reproducible.
    """
    fields = fields_of(mapping)
    values = {name: _near(literals, fields[name].type) for name, literals in _literals(gold).items() if name in fields}
    several = {
        name for name in values if not sample or any(_has_list(real, _parent_of(name, fields)) for real in sample)
    }
    chance = random.Random(seed)
    for number in range(COUNT):
        document = _copy(chance.choice(sample)) if sample else {}
        groups: dict[str, list[str]] = {}
        for name in values:
            groups.setdefault(fields[name].nested, []).append(name)
        for nested, names in groups.items():
            if nested:
                _put(
                    document,
                    nested,
                    [_nested_object(nested, names, values, fields, chance) for _ in range(chance.randint(0, 3))],
                )
            else:
                for name in names:
                    _put(document, _parent_of(name, fields), _value(values[name], chance, name in several))
        document["_id"] = f"b{number}"
        yield document


def open_mapping(value: Any) -> Any:
    """Return the mapping, or a part of it, with ISO dates allowed in every date field: documents here have them."""
    if not isinstance(value, dict):
        return value
    opened = {key: open_mapping(item) for key, item in value.items()}
    if opened.get("type") == "date" and "format" in opened:
        opened["format"] += "||strict_date_optional_time"
    return opened


def _nested_object(
    nested: str, names: list[str], values: dict[str, list[Any]], fields: dict[str, FieldType], chance: random.Random
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name in names:
        value = _value(values[name], chance, arrays=False)
        if value is not None:
            _put(made, _parent_of(name, fields).removeprefix(nested + "."), value)
    return made


def _value(values: list[Any], chance: random.Random, arrays: bool) -> Any:
    kind = chance.random()
    if kind < 0.12:
        return None
    if kind < 0.25 and arrays and not isinstance(values[0], bool | dict):
        return chance.sample(values, min(2, len(values)))
    return chance.choice(values)


def _literals(gold: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for clause, name, value in _leaves(gold):
        bag = found.setdefault(name, [])
        for literal in value if isinstance(value, list) else [value]:
            if literal is not None:
                bag.append(str(literal).replace("*", "x").replace("?", "y") if clause == "wildcard" else literal)
    return found


def _leaves(value: Any) -> Iterator[tuple[str, str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    if not isinstance(value, dict):
        return
    for clause, inner in value.items():
        if clause == "exists" and isinstance(inner, dict) and isinstance(inner.get("field"), str):
            yield clause, inner["field"], None
        elif clause in ("term", "terms", "match", "match_phrase", "prefix", "wildcard", "fuzzy", "match_phrase_prefix"):
            if isinstance(inner, dict) and "field" not in inner:
                for name, literal in inner.items():
                    if isinstance(literal, dict):
                        literal = literal.get("value", literal.get("query"))
                    yield clause, name, literal
        elif clause == "multi_match" and isinstance(inner, dict) and isinstance(inner.get("fields"), list):
            for name in inner["fields"]:
                yield clause, name.split("^")[0], inner.get("query")
        elif clause == "range" and isinstance(inner, dict) and "field" not in inner:
            for name, bounds in inner.items():
                if isinstance(bounds, dict):
                    yield clause, name, [bound for key, bound in bounds.items() if key in _RANGE]
        yield from _leaves(inner)


def _near(literals: list[Any], kind: str) -> list[Any]:
    """Return the literals, their neighbours one step away, and one far value, typed for the field."""
    if kind in _WHOLE or kind in _REAL:
        step = 1 if kind in _WHOLE else 0.1
        numbers = [number for literal in literals if (number := _number(literal, kind)) is not None] or [1]
        return [value for number in numbers for value in (number, number - step, number + step)] + [
            numbers[0] + 1000 * step
        ]
    if kind in ("date", "date_nanos"):
        dates = [date for literal in literals if (date := moment(literal))] or [datetime(2010, 6, 15)]
        return [near for date in dates for step in _STEPS if (near := _later(date, step))] + ["1950-01-01T00:00:00"]
    if kind == "boolean":
        return [True, False]
    if kind == "ip":
        return [*map(str, literals), "10.0.0.1", "192.168.255.254"]
    if kind == "geo_point":
        return [{"lat": 40.0, "lon": -75.0}, {"lat": 34.0, "lon": -118.0}]
    texts = [str(literal) for literal in literals] or ["alpha"]
    others = [word for text in texts for word in (text, f"{text} beta", text.split(" ")[0])]
    turned = [" ".join(reversed(text.split(" "))) for text in texts if " " in text]  # the words, but not the phrase
    return [*others, *turned, texts[0].lower(), "gamma"]


def _number(literal: Any, kind: str) -> Any:
    try:
        number = float(literal)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    return int(literal if isinstance(literal, int) else number) if kind in _WHOLE else number


def _later(date: datetime, step: timedelta) -> str | None:
    try:
        return (date + step).isoformat()
    except OverflowError:  # 9999-12-31 has no day after
        return None


def _parent_of(name: str, fields: dict[str, FieldType]) -> str:
    """A multi-field such as `title.keyword` is filled through its parent."""
    parent = name.rpartition(".")[0]
    return parent if parent in fields and fields[parent].type != "nested" else name


def _has_list(value: Any, path: str) -> bool:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, list)


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        inner = document.get(parent)
        document[parent] = inner if isinstance(inner, dict) else {}
        document = document[parent]
    if value is None:
        document.pop(leaf, None)
    else:
        document[leaf] = value


def _copy(document: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in document.items()}
