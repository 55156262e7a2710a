"""Answers as coloured text: JSON laid out over lines, SQL and everything else as it stands.

Every piece of text is escaped; nothing that a teacher or a student wrote reaches the page as HTML.
"""

import json
import re
from html import escape
from typing import Any

_TOKEN = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"(?=\s*:))
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')
    |(?P<number>-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)
    |(?P<word>\b(?:true|false|null|select|from|where|and|or|not|in|is|like|between|join|left|inner|outer|on|as|group|order
        |by|having|limit|offset|distinct|case|when|then|else|end|union|all|exists|asc|desc|with|count|sum|avg|min|max)\b)""",
    re.VERBOSE | re.IGNORECASE,
)


def coloured(text: str) -> str:
    """Return the text as HTML with a class for each kind: key, string, number, word."""
    pieces, place = [], 0
    text = laid_out(text)
    for token in _TOKEN.finditer(text):
        pieces += [escape(text[place : token.start()]), f'<span class="t-{token.lastgroup}">{escape(token[0])}</span>']
        place = token.end()
    return f"<pre><code>{''.join(pieces)}{escape(text[place:])}</code></pre>"


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
