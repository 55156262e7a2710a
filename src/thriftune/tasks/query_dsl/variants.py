"""Vary a lesson: other values in the question and in the query alike, so that a student learns to copy, not to recite.

A literal of the query is swapped when the question names it just as unmistakably: `"Tom Hanks"` in *tom hanks movies*,
`1960` in *before 1960*, or a name people use for it (`spoken`: *Buffalo* for `BUF`). Whether the new query finds
something is for the caller to check by running it.
"""

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from thriftune.tasks.query_dsl.mapping import FieldType

Spoken = dict[str, dict[str, list[str]]]
_KEPT = 0.25  # share of the literals that stay as they are
_EXACT = ("term", "terms")


@dataclass(frozen=True)
class Swap:
    """One literal of a query, the words that name it in the question, and its field (`""` for a number)."""

    value: str | int | float
    words: str
    field: str


def swaps(question: str, body: dict[str, Any], fields: dict[str, FieldType], spoken: Spoken) -> list[Swap]:
    """Return the literals that can be swapped: named once in the question, and standing for nothing else."""
    found: dict[str, Swap] = {}
    for field, value in _terms(body):
        named = _named(question, field, value, spoken) if _is_keyword(fields, field) else None
        if named:
            found.setdefault(named.words.lower(), Swap(value, named.words, field))
    label = json.dumps(body)
    for number in dict.fromkeys(_numbers(body)):
        words = [form for form in (f"{number}", f"{number:,}") if len(_standing(form, question)) == 1]
        if words and len(_standing(f"{number}", label)) == 1:
            found.setdefault(words[0], Swap(number, words[0], ""))
    return [swap for swap in found.values() if not any(_overlaps(swap, other) for other in found.values())]


def vary(
    question: str,
    body: dict[str, Any],
    chosen: Sequence[Swap],
    documents: Sequence[dict[str, Any]],
    spoken: Spoken,
    chance: random.Random,
) -> tuple[str, dict[str, Any]] | None:
    """Return (question, body) with some of the swaps made, or None where nothing fitting was drawn.

    New names come from one document, so that conditions that hold together can hold together again.
    """
    made = [swap for swap in chosen if chance.random() >= _KEPT] or [chance.choice(list(chosen))]
    document = chance.choice(documents)
    new: dict[Any, Any] = {}
    taken: set[Any] = set()
    for swap in made:
        value = _other_number(swap.value, chance) if not swap.field else _drawn(document, swap, chance, taken)
        if value is None:
            return None
        taken.add(value)
        new[swap.value] = value
        words = _wording(swap, value, spoken, chance)
        question = re.sub(_pattern(swap.words), words.replace("\\", r"\\"), question, flags=re.IGNORECASE)
    return question, _replaced(body, new)


def _terms(value: Any) -> Iterator[tuple[str, str]]:
    """Yield (field, value) of every string in a term or terms clause."""
    for clause, inner in value.items() if isinstance(value, dict) else ():
        if clause in _EXACT and isinstance(inner, dict):
            for field, literal in inner.items():
                yield from ((field, text) for text in _strings(literal))
        yield from _terms(inner)
    for item in value if isinstance(value, list) else ():
        yield from _terms(item)


def _strings(literal: Any) -> list[str]:
    if isinstance(literal, dict):
        literal = literal.get("value")
    return [text for text in (literal if isinstance(literal, list) else [literal]) if isinstance(text, str)]


def _numbers(value: Any) -> Iterator[int | float]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool) and value > 1:
        yield value


def _is_keyword(fields: dict[str, FieldType], field: str) -> bool:
    return field in fields and fields[field].type == "keyword"


def _named(question: str, field: str, value: str, spoken: Spoken) -> Swap | None:
    """The longest name of a value that the question holds exactly once; codes count only as they are written."""
    names = sorted([value, *spoken.get(field, {}).get(value, [])], key=len, reverse=True)
    for name in names:
        hits = re.findall(_pattern(name), question, flags=0 if len(name) <= 3 else re.IGNORECASE)
        if len(hits) == 1:
            return Swap(value, hits[0], field)
    return None


def _pattern(words: str) -> str:
    return rf"(?<![\w-]){re.escape(words)}(?![\w-])"


def _standing(number: str, text: str) -> list[str]:
    return re.findall(rf"(?<![\w.,:]){re.escape(number)}(?!\w|[.,:]\d)", text.replace(":", " : "))


def _overlaps(swap: Swap, other: Swap) -> bool:
    """Names that lie in each other, or one value that both stand for, cannot be swapped apart."""
    if swap is other:
        return False
    return swap.words.lower() in other.words.lower() or swap.value == other.value


def _other_number(value: Any, chance: random.Random) -> int | float | None:
    """A number of the same kind: a year stays a year, 7.5 keeps its decimals, 100 its roundness."""
    if isinstance(value, float):
        decimals = len(str(value).partition(".")[2])
        return round(value * chance.uniform(0.6, 1.2), decimals)
    if 1900 <= value <= 2020:
        return chance.randint(max(1930, value - 25), min(2014, value + 12))
    unit = next(unit for unit in (10**9, 10**6, 10**5, 10**4, 1000, 100, 50, 10, 5, 1) if value % unit == 0)
    low, high = max(unit, round(value * 0.5)), max(2 * unit, round(value * 1.6))
    return max(2, chance.randint(low // unit, high // unit) * unit)


def _drawn(document: dict[str, Any], swap: Swap, chance: random.Random, taken: set[Any]) -> str | None:
    held: Any = document
    for part in swap.field.split("."):
        held = held.get(part) if isinstance(held, dict) else None
    values = [v for v in (held if isinstance(held, list) else [held]) if isinstance(v, str) and v not in taken]
    return chance.choice(values) if values else None


def _wording(swap: Swap, value: Any, spoken: Spoken, chance: random.Random) -> str:
    """Name the new value as the old one was named: spoken or as it is written, and in its case."""
    if not swap.field:
        return f"{value:,}" if "," in swap.words else f"{value}"
    named = swap.words.lower() != str(swap.value).lower()
    names = spoken.get(swap.field, {}).get(value, [])
    words = chance.choice(names) if named and names else str(value)
    if swap.words.islower():
        return words.lower()
    return words.title() if words.isupper() and len(words) > 3 and not swap.words.isupper() else words


def _replaced(value: Any, new: dict[Any, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, new) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, new) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    return new.get(value, value)
