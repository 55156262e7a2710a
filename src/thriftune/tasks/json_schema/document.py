"""An answer as text and as data: parsing under limits, one spelling, families."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MAX_CHARACTERS = 20_000
MAX_DEPTH = 40


@dataclass(frozen=True)
class Fault:
    """What is wrong with an answer: a kind such as `not_json` or `limit:depth`, and a sentence."""

    kind: str
    detail: str


def parse(text: str) -> Any | Fault:
    """Parse a document strictly: one JSON value, no repeated keys, no NaN, nothing around it, within the limits."""
    if len(text) > MAX_CHARACTERS:
        return Fault("limit:size", f"{len(text)} characters; at most {MAX_CHARACTERS} are accepted")
    try:
        value = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_float=_finite)
        dumped(value).encode()  # half of a surrogate pair can be neither sent nor stored
    except RecursionError:
        return Fault("limit:depth", "nested too deeply to parse")
    except ValueError as error:
        return Fault("not_json", str(error))
    return Fault("limit:depth", f"nested deeper than {MAX_DEPTH}") if _depth(value) > MAX_DEPTH else value


def dumped(value: Any) -> str:
    """Return a value as compact JSON, its keys in their order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def families(value: Any) -> tuple[str, ...]:
    """Return the fields that the top level uses and the kinds of value below them, such as `array` or `number`."""
    fields = list(value) if isinstance(value, dict) else []
    inner = value.values() if isinstance(value, dict) else [value]
    kinds = {kind_of(part) for item in inner for part in _parts(item)}
    return (*fields, *(f"({kind})" for kind in sorted(kinds)))


def kind_of(value: Any) -> str:
    """Return JSON's name for the type of a value."""
    if isinstance(value, bool):
        return "boolean"
    names: dict[type, str] = {dict: "object", list: "array", str: "string", type(None): "null"}
    return names.get(type(value), "number")


def _parts(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _parts(inner)


def _depth(value: Any) -> int:
    deepest, layer = 0, [value]
    while layer:  # breadth first: a deep value cannot overflow the stack
        deepest += 1
        layer = [
            item
            for outer in layer
            for item in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
    return deepest


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"duplicate key {key!r}")
        made[key] = value
    return made


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
