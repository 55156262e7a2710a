"""A list of questions that a model wrote: a JSON list, a numbered list or plain lines. Never an exception."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MAX_CHARACTERS = 60_000
LONGEST, SHORTEST_WORDS = 300, 3
_TRIES = 20  # where a JSON list may begin
_ITEM = re.compile(r"^\s*(?:\d{1,3}\s*[.):\]]|Q\d{1,3}\s*[.):]|[-*•–])\s*(?P<text>.*)$")
_KEYS = ("question", "text", "query")
_MARKUP = re.compile(r"</?\w+\s*>|[{}]|```")
_HALF = re.compile("[\\ud800-\\udfff]")
_QUOTES = "\"'“”„«»`*_ \t"


@dataclass(frozen=True)
class Listed:
    """What a response holds.

    Attributes:
        texts: the questions that can be used, in their order.
        fault: why there is no list at all: `""`, `empty`, `too_long` or `no_list`.
        dropped: how many entries cannot be used, by reason: `not_text`, `not_unicode`, `too_short`, `too_long`,
            `markup`, `repeated`.
    """

    texts: tuple[str, ...] = ()
    fault: str = ""
    dropped: Counter[str] = field(default_factory=Counter)


def read(response: str) -> Listed:
    """Take the questions out of a response."""
    if not response.strip():
        return Listed(fault="empty")
    if len(response) > MAX_CHARACTERS:
        return Listed(fault="too_long")
    entries = _json(response)
    if entries is None:
        entries = _lines(response)
    if not entries:
        return Listed(fault="no_list")
    return _sorted_out(entries)


def _sorted_out(entries: list[Any]) -> Listed:
    texts: dict[str, str] = {}
    dropped: Counter[str] = Counter()
    for entry in entries:
        text = _text_of(entry)
        reason = "not_text" if text is None else _unusable(text)
        if not reason and text is not None:
            reason = "repeated" if text.lower() in texts else ""
            texts.setdefault(text.lower(), text)
        if reason:
            dropped[reason] += 1
    return Listed(tuple(texts.values()), "", dropped)


def _text_of(entry: Any) -> str | None:
    """The text of an entry, which may be an object that holds it; None where there is none."""
    if isinstance(entry, dict):
        entry = next((entry[key] for key in _KEYS if key in entry), None)
    return " ".join(entry.strip(_QUOTES).split()) if isinstance(entry, str) else None


def _unusable(text: str) -> str:
    if _HALF.search(text):
        return "not_unicode"
    if len(text) > LONGEST:
        return "too_long"
    if _MARKUP.search(text):
        return "markup"
    words = re.findall(r"\w+", text)
    return "too_short" if len(words) < SHORTEST_WORDS else ""


def _json(response: str) -> list[Any] | None:
    """The first JSON list that stands in the text, alone or in an object; None where there is none."""
    for found in islice(re.finditer(r"[\[{]", response), _TRIES):
        try:
            value, _ = json.JSONDecoder().raw_decode(response, found.start())
        except (ValueError, RecursionError):
            continue  # cut off, or no JSON: its entries may still stand on lines of their own
        if isinstance(value, dict):
            value = next((inner for inner in value.values() if isinstance(inner, list)), None)
        if isinstance(value, list) and any(isinstance(entry, str | dict) for entry in value):
            return value
    return None


def _lines(response: str) -> list[str]:
    """Numbered or bulleted lines where there are two or more; else every line that announces nothing."""
    lines = [line.strip() for line in response.splitlines() if line.strip()]
    items = [found["text"] for line in lines if (found := _ITEM.match(line))]
    if len(items) > 1:
        return items
    plain = [found["text"] if (found := _ITEM.match(line)) else line for line in lines]
    return [line.rstrip(",") for line in plain if not line.endswith(":") and line not in "[]```"]
