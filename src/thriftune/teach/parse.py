"""A teacher's raw response, in tags or as one JSON object: two parts, or a named fault. Never an exception.

<rationale>…</rationale><answer>…</answer>
{"rationale": "…", "answer": "…"}
"""

import json
import re
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 60_000
_TAG = re.compile(r"<(/?)(rationale|answer)\s*>", re.IGNORECASE | re.ASCII)  # else a long s (ſ) passes for an s
_HALF = re.compile("[\\ud800-\\udfff]")
_FENCE = re.compile(r"\A```[a-zA-Z]*\n(.*?)\n?```\Z", re.DOTALL)


@dataclass(frozen=True)
class Parsed:
    """Both parts of a response, neither empty."""

    rationale: str
    label: str


@dataclass(frozen=True)
class Malformed:
    """Why a response has no two parts.

    `reason` is one of `too_long`, `not_unicode`, `no_rationale`, `no_answer`, `two_rationales`, `two_answers`,
    `cut_off`, `nested_tags`, `empty_rationale`, `empty_answer`, `broken_json`.
    """

    reason: str
    detail: str


def parse(response: str) -> Parsed | Malformed:
    """Split a response. Text outside the tags is ignored; a code fence around the answer is taken off.

    What has no tags and begins as a JSON object is read as one.
    """
    if len(response) > MAX_CHARACTERS:
        return Malformed("too_long", f"{len(response)} characters")
    if half := _HALF.search(response):  # no tokenizer takes it
        return Malformed("not_unicode", f"half of a surrogate pair at character {half.start()}")
    plain = _unfenced(response.strip())
    if plain.startswith("{") and not _TAG.search(response):
        return _structured(plain)
    return _tagged(response)


def _tagged(response: str) -> Parsed | Malformed:
    parts: dict[str, list[str]] = {"rationale": [], "answer": []}
    open_name, start = "", 0
    for tag in _TAG.finditer(response):
        name = tag[2].lower()
        if not tag[1]:
            if open_name:
                return Malformed("nested_tags", f"<{name}> inside <{open_name}>")
            open_name, start = name, tag.end()
        elif open_name == name:
            parts[name].append(response[start : tag.start()].strip())
            open_name = ""
        else:
            return Malformed("nested_tags", f"</{name}> without <{name}>")
    if open_name:
        return Malformed("cut_off", f"<{open_name}> is not closed")
    return _whole(parts)


class _Object(list[tuple[str, Any]]):
    """A JSON object as its pairs: a key that comes twice is not lost."""


def _structured(text: str) -> Parsed | Malformed:
    parts: dict[str, list[str]] = {"rationale": [], "answer": []}
    try:
        for name, value in json.loads(text, object_pairs_hook=_Object):
            if name in parts:
                parts[name].append(_text(value).strip())
    except (ValueError, RecursionError) as error:
        return Malformed("broken_json", f"the JSON object cannot be read: {error}")
    if half := _HALF.search("".join([*parts["rationale"], *parts["answer"]])):  # JSON can write one as an escape
        return Malformed("not_unicode", f"half of a surrogate pair: {half[0]!r}")
    return _whole(parts)


def _text(value: Any) -> str:
    """Return a part as text: an answer may be the JSON itself instead of its text."""
    if value is None or isinstance(value, str):
        return value or ""
    return _dumped(value)


def _dumped(value: Any) -> str:
    if isinstance(value, _Object):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_dumped(inner)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _unfenced(text: str) -> str:
    fenced = _FENCE.match(text)
    return fenced[1].strip() if fenced else text


def _whole(parts: dict[str, list[str]]) -> Parsed | Malformed:
    for name, found in parts.items():
        if not found:
            return Malformed(f"no_{name}", f"no <{name}>…</{name}>")
        if len(found) > 1:
            return Malformed(f"two_{name}s", f"{len(found)} times <{name}>")
        if not found[0]:
            return Malformed(f"empty_{name}", f"<{name}> is empty")
    label = _unfenced(parts["answer"][0])
    return Parsed(parts["rationale"][0], label) if label else Malformed("empty_answer", "<answer> is an empty fence")
