"""The constant part of a prompt: the job, and the fields of an index with what a mapping cannot say.

A field's line is its name, its type, and the user's note; without a note the values that documents hold: all of them
where they are few, else the two most frequent. Where the lines exceed the budget, the fields that the question seems to
need are kept; then the prompt is no longer the same for all questions, and training shares it no more.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from thriftune.tasks.query_dsl.mapping import fields_of

_FEW, _SHOWN, _LONGEST = 12, 2, 40
_CHARACTERS_A_TOKEN = 3.5  # of names and types in vocabularies trained on English and code
_TASK = "Write the search body (Query DSL, JSON) that answers the question (predict), or why (explain)."


def lines_of(mapping: dict[str, Any], notes: dict[str, str], values: dict[str, list[str]]) -> dict[str, str]:
    """Return a line for each field, in the mapping's order."""
    lines = {}
    for name, field in fields_of(mapping).items():
        said = notes.get(name) or ", ".join(values.get(name, []))
        lines[name] = f"{name} {field.type}" + (f": {said}" if said else "")
    return lines


def render(collection: str, lines: dict[str, str], now: str | None, question: str, tokens: int) -> str:
    """Return the instructions; of the fields as many as fit about `tokens` tokens, the needed ones first."""
    head = [_TASK, f"Index {collection}" + (f", now {now[:10]}" if now else "")]
    room = int(tokens * _CHARACTERS_A_TOKEN) - sum(len(line) + 1 for line in head)
    if sum(len(line) + 1 for line in lines.values()) > room:
        lines = _needed(lines, question, room)
    return "\n".join([*head, *lines.values()])


def values_of(mapping: dict[str, Any], documents: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Return what to show of each keyword field's values: all if they are few, else the most frequent."""
    wanted = {name for name, field in fields_of(mapping).items() if field.type == "keyword"}
    counts: dict[str, Counter[str]] = {name: Counter() for name in wanted}
    for document in documents:
        for name, value in leaves(document, ""):
            if name in counts and len(value) <= _LONGEST:
                counts[name][value] += 1
    return {name: _shown(count) for name, count in counts.items() if count}


def _shown(count: Counter[str]) -> list[str]:
    ordered = sorted(count, key=lambda value: (-count[value], value))
    return ordered if len(ordered) <= _FEW else ordered[:_SHOWN]


def leaves(value: Any, path: str) -> Iterable[tuple[str, str]]:
    """Yield (dotted path, text) of every text in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif isinstance(value, str):
        yield path, value


def _needed(lines: dict[str, str], question: str, room: int) -> dict[str, str]:
    """Keep the fields whose line shares most words with the question; the mapping's order decides between equals."""
    asked = _words(question)
    ranked = sorted(lines, key=lambda name: -sum(_alike(word, asked) for word in _words(lines[name])))
    kept = set()
    for name in ranked:
        room -= len(lines[name]) + 1
        if room < 0:
            break
        kept.add(name)
    return {name: line for name, line in lines.items() if name in kept}


def _words(text: str) -> set[str]:
    """`shippedAt` and `shipped_at` are *shipped*, *at*."""
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    return {word for word in re.split(r"[\W_]+", parted.lower()) if len(word) > 1}


def _alike(word: str, asked: set[str]) -> bool:
    return word in asked or (len(word) > 3 and any(other[:4] == word[:4] for other in asked if len(other) > 3))
