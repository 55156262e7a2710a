"""Answers as coloured text: JSON laid out over lines, SQL and everything else as it stands.

Every piece of text is escaped; nothing that a teacher or a student wrote reaches the page as HTML.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from typing import Any, Literal

_TOKEN = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')
    |(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)
    |(?P<word>\b(?:true|false|null|select|from|where|and|or|not|in|is|like|between|join|left|inner|outer|on|as|group|order
        |by|having|limit|offset|distinct|case|when|then|else|end|union|all|exists|asc|desc|with|count|sum|avg|min|max)\b)""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, order=True)
class Mark:
    """Characters of a text that are marked: `only` where one of two texts has them, `changed` where both differ."""

    start: int
    end: int
    kind: Literal["only", "changed"]


def coloured(text: str, marks: Sequence[Mark] = ()) -> str:
    """Return the text as HTML with a class for each kind: key, string, number, word.

    Args:
        marks: in the laid-out text, in its order, none over another.
    """
    pieces = _cut(list(_tokens(laid_out(text))), marks)
    parts = []
    for mark, run in groupby(pieces, key=lambda piece: piece[2]):
        inner = "".join(
            f'<span class="t-{kind}">{escape(part)}</span>' if kind else escape(part) for part, kind, _ in run
        )
        parts.append(f'<mark class="{mark.kind}">{inner}</mark>' if mark else inner)
    return f"<pre><code>{''.join(parts)}</code></pre>"


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield the text in pieces with their kinds; the kind of what is between tokens is empty."""
    place = 0
    for token in _TOKEN.finditer(text):
        yield text[place : token.start()], ""
        yield token[0], token.lastgroup or ""
        place = token.end()
    yield text[place:], ""


def _cut(tokens: Sequence[tuple[str, str]], marks: Sequence[Mark]) -> Iterator[tuple[str, str, Mark | None]]:
    """Yield the pieces cut where marks begin and end, each with the mark that it is in."""
    edges, place, waiting = sorted({edge for mark in marks for edge in (mark.start, mark.end)}), 0, list(marks)
    for text, kind in tokens:
        end = place + len(text)
        stops = [place, *(edge for edge in edges if place < edge < end), end]
        for start, stop in pairwise(stops):
            while waiting and waiting[0].end <= start:
                waiting.pop(0)
            mark = waiting[0] if waiting and waiting[0].start <= start else None
            if start < stop:
                yield text[start - place : stop - place], kind, mark
        place = end


def laid_out(text: str) -> str:
    """Return JSON over lines with an indent, short objects on one line; any other text as it is."""
    try:
        value = json.loads(text, object_pairs_hook=_Object, parse_int=_Number, parse_float=_Number)
        return _lines(value, "")
    except (ValueError, RecursionError):
        return text


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs: a key that comes twice is shown twice."""


class _Number(str):
    """A number in the spelling it has."""


def _lines(value: Any, indent: str, width: int = 72) -> str:
    flat = _flat(value)
    if not isinstance(value, list) or len(indent) + len(flat) <= width:
        return flat
    inner = indent + "  "
    if isinstance(value, _Object):
        parts = [f"{_flat(key)}: {_lines(part, inner)}" for key, part in value]
    else:
        parts = [_lines(part, inner) for part in value]
    opening, closing = "{}" if isinstance(value, _Object) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


def _flat(value: Any) -> str:
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, _Object):
        return "{" + ", ".join(f"{_flat(key)}: {_flat(part)}" for key, part in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
