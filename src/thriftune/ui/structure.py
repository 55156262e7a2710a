"""Where two JSON values differ, by path: a part that only one has, or a value that is another in each.

Compared as a query reads, not as it is spelled: the order of a `bool`'s clauses and of the values of `terms` does not
count, and one clause alone is a list of it; 1.0 is 1. Every other list is compared in its order. Nothing else is known
here of what a clause means: `match` and `term` are two things.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

Path = tuple[str | int, ...]
_CLAUSES = ("must", "filter", "should", "must_not")
_ALIKE = 0.3  # share of common steps from which two clauses are one that was changed, not one gone and another come


@dataclass(frozen=True)
class Part:
    """A value and where it stands: keys, and places in lists from 0."""

    path: Path
    value: Any


@dataclass(frozen=True)
class Difference:
    """A part that only one side has (the other is None), or the same place with two values."""

    first: Part | None
    second: Part | None


def differences(first: Any, second: Any) -> list[Difference]:
    """Return where two JSON values differ; nothing where they say the same. No part is within another."""
    return list(_between(Part((), first), Part((), second), ()))


def spelled(value: Any, steps: Path = ()) -> str:
    """Return one text for all spellings of a value that say the same.

    `steps` are the keys that lead to it, 0 for any place in a list: they tell which lists have no order.
    """
    return json.dumps(_plain(value, steps), sort_keys=True)


def _plain(value: Any, steps: Path) -> Any:
    if isinstance(value, list):
        items = [_plain(item, (*steps, 0)) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if _is_free(steps) else items
    if isinstance(value, dict) and _is_clauses(steps):
        return [_plain(value, (*steps, 0))]
    if isinstance(value, dict):
        return {key: _plain(inner, (*steps, key)) for key, inner in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_clauses(steps: Path) -> bool:
    return steps[-2:-1] == ("bool",) and steps[-1] in _CLAUSES


def _is_free(steps: Path) -> bool:
    """Whether the order of a list there means nothing."""
    return _is_clauses(steps) or (steps[-2:-1] == ("terms",) and steps[-1] not in (0, "order"))


def _between(first: Part, second: Part, steps: Path) -> Iterator[Difference]:
    if spelled(first.value, steps) == spelled(second.value, steps):
        return
    kinds = type(first.value), type(second.value)
    pairs: list[tuple[str | int, Part | None, Part | None]] = []
    if kinds == (dict, dict):
        keys = dict.fromkeys([*first.value, *second.value])
        pairs = [(key, _member(key, first), _member(key, second)) for key in keys]
    elif kinds == (list, list) or (set(kinds) == {dict, list} and _is_clauses(steps)):
        pair = _as_bags if _is_free(steps) else _in_order
        pairs = [(0, one, other) for one, other in pair(_items(first), _items(second))]
    else:
        yield Difference(first, second)
    for step, one, other in pairs:
        if one and other:
            yield from _between(one, other, (*steps, step))
        else:
            yield Difference(one, other)


def _member(key: str, part: Part) -> Part | None:
    return Part((*part.path, key), part.value[key]) if key in part.value else None


def _items(part: Part) -> list[Part]:
    """The items of a list; a clause alone is a list of itself."""
    if isinstance(part.value, dict):
        return [part]
    return [Part((*part.path, place), item) for place, item in enumerate(part.value)]


Pairs = Iterator[tuple[Part | None, Part | None]]


def _as_bags(first: Sequence[Part], second: Sequence[Part]) -> Pairs:
    """Equal items go together wherever they stand, then those most alike."""
    ones, others = _without(first, second), _without(second, first)
    found = ((_likeness(one.value, other.value), a, b) for a, one in enumerate(ones) for b, other in enumerate(others))
    free_a, free_b = dict(enumerate(ones)), dict(enumerate(others))
    for _, a, b in sorted((pair for pair in found if pair[0] >= _ALIKE), key=lambda pair: (-pair[0], *pair[1:])):
        if a in free_a and b in free_b:
            yield free_a.pop(a), free_b.pop(b)
    yield from ((one, None) for one in free_a.values())
    yield from ((None, other) for other in free_b.values())


def _without(items: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    """The items that have no equal of their own among the others."""
    there, left = Counter(spelled(other.value) for other in others), []
    for item in items:
        text = spelled(item.value)
        if there[text]:
            there[text] -= 1
        else:
            left.append(item)
    return left


def _in_order(first: Sequence[Part], second: Sequence[Part]) -> Pairs:
    ones, others = [spelled(item.value) for item in first], [spelled(item.value) for item in second]
    for tag, a, a_end, b, b_end in SequenceMatcher(None, ones, others, autojunk=False).get_opcodes():
        for one, other in zip_longest(first[a:a_end], second[b:b_end]):
            if tag == "equal":
                continue
            if one and other and _likeness(one.value, other.value) < _ALIKE and not _are_plain(one, other):
                yield one, None
                yield None, other
            else:
                yield one, other


def _are_plain(one: Part, other: Part) -> bool:
    return not any(isinstance(part.value, dict | list) for part in (one, other))


def _likeness(first: Any, second: Any) -> float:
    """The share of steps and leaves that two values have in common, places in lists left aside."""
    one, other = set(_steps(first, ())), set(_steps(second, ()))
    return len(one & other) / len(one | other) if one | other else 0.0


def _steps(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key)
            yield from _steps(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from _steps(inner, (*path, "[]"))
    else:
        yield (*path, f"={spelled(value)}")
