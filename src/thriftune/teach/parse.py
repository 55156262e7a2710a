"""A teacher's raw response: `<rationale>…</rationale><answer>…</answer>`, or a named fault. Never an exception."""

import re
from dataclasses import dataclass

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
    `cut_off`, `nested_tags`, `empty_rationale`, `empty_answer`.
    """

    reason: str
    detail: str


def parse(response: str) -> Parsed | Malformed:
    """Split a response. Text outside the tags is ignored; a code fence around the answer is taken off."""
    if len(response) > MAX_CHARACTERS:
        return Malformed("too_long", f"{len(response)} characters")
    if half := _HALF.search(response):  # no tokenizer takes it
        return Malformed("not_unicode", f"half of a surrogate pair at character {half.start()}")
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


def _whole(parts: dict[str, list[str]]) -> Parsed | Malformed:
    for name, found in parts.items():
        if not found:
            return Malformed(f"no_{name}", f"no <{name}>…</{name}>")
        if len(found) > 1:
            return Malformed(f"two_{name}s", f"{len(found)} times <{name}>")
        if not found[0]:
            return Malformed(f"empty_{name}", f"<{name}> is empty")
    label = parts["answer"][0]
    fenced = _FENCE.match(label)
    label = fenced[1].strip() if fenced else label
    return Parsed(parts["rationale"][0], label) if label else Malformed("empty_answer", "<answer> is an empty fence")
