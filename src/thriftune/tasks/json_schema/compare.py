"""When two documents are the same data, and how much of one is in the other.

A document is a multiset of leaves, pairs of path and value: the order of keys is free, 1 is 1.0 and not true, an array
has its order. Of an array for which the schema says `uniqueItems` the order is free and each item is one leaf. So an
F1 of 1 means the same data and nothing less does.

Not covered: an array that one branch of `anyOf` calls a set and the branch that holds does not counts as a set.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

Place = tuple[str | int, ...]
Leaves = Counter[tuple[Place, str]]
_ANY = -1  # the place of an item of a set


def leaves(value: Any, sets: Collection[Place]) -> Leaves:
    """Return the leaves of a document; an empty object or array is a leaf too."""
    return Counter(_leaves(value, sets, ()))


def f1(gold: Leaves, other: Leaves) -> float:
    """Return the F1 of the leaves."""
    return 2 * (gold & other).total() / (gold.total() + other.total())


def difference(gold: Leaves, other: Leaves) -> str:
    """Say where two documents differ: what is missing and what is too much, the first three of each."""
    parts = [("missing", gold - other), ("too much", other - gold)]
    return "; ".join(f"{name}: {_listed(found)}" for name, found in parts if found)


def form(value: Any, sets: Collection[Place], place: Place = ()) -> str:
    """Return the canonical text of a value: keys sorted, sets sorted, each number in one spelling."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)}:{form(value[key], sets, (*place, key))}" for key in sorted(value))
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        items = [form(item, sets, (*place, index)) for index, item in enumerate(value)]
        return "[" + ",".join(sorted(items) if place in sets else items) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def _leaves(value: Any, sets: Collection[Place], place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, list) and value and place in sets:
        for index, item in enumerate(value):
            yield (*place, _ANY), form(item, sets, (*place, index))
    elif isinstance(value, dict | list) and value:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, sets, (*place, key))
    else:
        yield place, form(value, sets, place)


def _listed(found: Leaves) -> str:
    shown = [f"{_path(place)} = {text[:60]}" for place, text in list(found.elements())[:3]]
    return ", ".join(shown) + ("…" if found.total() > 3 else "")


def _path(place: Place) -> str:
    return "$" + "".join(
        f".{part}" if isinstance(part, str) else "[]" if part == _ANY else f"[{part}]" for part in place
    )
