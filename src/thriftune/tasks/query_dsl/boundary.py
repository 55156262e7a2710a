"""Documents made from a gold query's own literals, so that a nearly right query is told apart.

On real documents `gt` and `gte` mostly return the same hits. Here every field that the gold names holds its literals,
their neighbours, another value, or nothing. Half of the documents combine these at random; in the other half all
fields but one hold what the gold asks for, so that a condition too few or too many shows however many there are.
Arrays of several values are made where the real documents have arrays (a field with one value by nature would else
tell apart bodies that mean the same). Fields that the gold does not name are as in real documents, or left out.
"""

import random
from collections.abc import Iterator
from typing import Any

from thriftune.tasks.query_dsl.literals import Values, values_of
from thriftune.tasks.query_dsl.mapping import FieldType, fields_of

COUNT = 120
_MISSING = 0.12  # how often a field that is named holds nothing
_SEVERAL = 0.13  # how often it holds two values, where it may
_LEFT_OUT = 0.08  # how often any other part of a real document is left out
_AS_IT_IS = 0.6  # how often a field that is only aggregated or sorted by keeps the real document's value


def documents(
    gold: dict[str, Any], mapping: dict[str, Any], sample: list[dict[str, Any]], seed: str
) -> Iterator[dict[str, Any]]:
    """Yield `COUNT` documents: real ones whose fields named by the gold hold values near its literals.

    Args:
        sample: real documents that the other fields are taken from.
        seed: makes the documents reproducible.
    """
    fields = fields_of(mapping)
    maker = _Maker(fields, values_of(gold, fields), sample, random.Random(seed))
    for number in range(COUNT):
        yield {**maker.document(meeting=number % 2 == 1), "_id": f"b{number}"}


def open_mapping(value: Any) -> Any:
    """Return the mapping, or a part of it, with ISO dates allowed in every date field: documents here have them."""
    if not isinstance(value, dict):
        return value
    opened = {key: open_mapping(item) for key, item in value.items()}
    if opened.get("type") == "date" and "format" in opened:
        opened["format"] += "||strict_date_optional_time"
    return opened


class _Maker:
    def __init__(
        self,
        fields: dict[str, FieldType],
        values: dict[str, Values],
        sample: list[dict[str, Any]],
        chance: random.Random,
    ) -> None:
        self._fields, self._values, self._sample, self._chance = fields, values, sample, chance
        self._path = {name: _parent_of(name, fields) for name in values}
        self._groups: dict[str, list[str]] = {}
        for name in values:
            self._groups.setdefault(fields[name].nested, []).append(name)
        self._several = {
            name for name in values if not sample or any(_has_list(real, self._path[name]) for real in sample)
        }

    def document(self, meeting: bool) -> dict[str, Any]:
        """Make one document; if `meeting`, all fields but one hold what the gold asks for."""
        document = self._thinned(self._chance.choice(self._sample)) if self._sample else {}
        free = self._chance.choice(list(self._values)) if self._values else ""
        met = set(self._values) - {free} if meeting else set()
        for nested, names in self._groups.items():
            if not nested:
                for name in names:
                    if not self._stays(name):
                        _put(document, self._path[name], self._value(name, name in met, name in self._several))
            elif not all(self._stays(name) for name in names):
                real = _at(document, nested)
                objects = [one for one in (real if isinstance(real, list) else [real]) if isinstance(one, dict)]
                count = self._chance.randint(0, 3)
                _put(document, nested, [self._inner(nested, names, objects, met) for _ in range(count)])
        return document

    def _inner(self, nested: str, names: list[str], objects: list[dict[str, Any]], met: set[str]) -> dict[str, Any]:
        made = self._thinned(self._chance.choice(objects), nested + ".") if objects else {}
        for name in names:
            _put(made, self._path[name].removeprefix(nested + "."), self._value(name, name in met, arrays=False))
        return made

    def _stays(self, name: str) -> bool:
        return bool(self._sample) and not self._values[name].asked and self._chance.random() < _AS_IT_IS

    def _value(self, name: str, meets: bool, arrays: bool) -> Any:
        values, kind = self._values[name], self._chance.random()
        if meets and values.meeting:
            return values.meeting if arrays and kind < 0.5 else self._chance.choice(values.meeting)
        if kind < _MISSING:
            return None
        if kind < _MISSING + _SEVERAL and arrays and not isinstance(values.near[0], bool | dict):
            return self._chance.sample(values.near, min(2, len(values.near)))
        return self._chance.choice(values.near)

    def _thinned(self, value: dict[str, Any], path: str = "") -> dict[str, Any]:
        """Copy a document without some of its parts, whichever they are: no field is in all documents of an index."""
        made = {}
        for key, inner in value.items():
            if self._chance.random() >= _LEFT_OUT:
                whole = not isinstance(inner, dict) or path + key in self._fields  # a point is not taken apart
                made[key] = inner if whole else self._thinned(inner, f"{path}{key}.")
        return made


def _parent_of(name: str, fields: dict[str, FieldType]) -> str:
    """A multi-field such as `title.keyword` is filled through its parent."""
    parent = name.rpartition(".")[0]
    return parent if parent in fields and fields[parent].type != "nested" else name


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _has_list(document: dict[str, Any], path: str) -> bool:
    return isinstance(_at(document, path), list)


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
