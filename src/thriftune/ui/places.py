"""Where in a JSON text each of its values stands, by path."""

import json
import re
from dataclasses import dataclass

from thriftune.ui.structure import Path

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Place:
    """Characters of a text: where the part begins (a member with its key), where its value does, where both end."""

    begins: int
    value: int
    end: int


Places = dict[Path, Place]


def places(text: str) -> Places:
    """Return the places of all values of a text that `json.loads` reads and that has no key twice in an object."""
    found: Places = {}
    _value(text, _past(text, 0), (), None, found)
    return found


def _value(text: str, place: int, path: Path, begins: int | None, found: Places) -> int:
    """Note the value that stands there and all within it; return where it ends."""
    if text[place] in "{[":
        end = _inner(text, place, path, found)
    else:
        _, end = _DECODER.raw_decode(text, place)
    found[path] = Place(place if begins is None else begins, place, end)
    return end


def _inner(text: str, place: int, path: Path, found: Places) -> int:
    is_object, count = text[place] == "{", 0
    place = _past(text, place + 1)
    while text[place] not in "}]":
        step: str | int = count
        begins = None
        if is_object:
            begins = place
            step, place = _DECODER.raw_decode(text, place)
            place = _past(text, _past(text, place) + 1)  # behind the colon
        place = _past(text, _value(text, place, (*path, step), begins, found))
        if text[place] == ",":
            place = _past(text, place + 1)
        count += 1
    return place + 1


def _past(text: str, place: int) -> int:
    blank = _BLANK.match(text, place)
    return blank.end() if blank else place
