"""Where in a body a fault lies: the JSON path of what an engine's sentence names."""

import re
from collections.abc import Iterator
from typing import Any

_NAMED = re.compile(r"\[([^\[\]\s]{1,80})\]|\"([^\"]{1,80})\"")
_POSITION = re.compile(r"\d+:\d+")  # [1:21], line and column of the text as it was sent


def located(sentence: str, body: Any) -> str:
    """Return the sentence of a fault with the path of the rarest thing it names, if the body holds it.

    `no field [yaer] in [range], did you mean [year]?` → `… (at query.range.yaer)`.
    """
    names = [first or second for first, second in _NAMED.findall(sentence) if not _POSITION.fullmatch(first)]
    found = {name: paths for name in dict.fromkeys(names) if (paths := list(places(body, name)))}
    if not found:
        return sentence
    rarest = min(found.values(), key=lambda paths: (len(paths), -len(paths[0])))  # of equals the innermost
    return f"{sentence} (at {rarest[0]})"


def places(value: Any, name: str, path: str = "") -> Iterator[str]:
    """Yield the paths at which `name` is a key or a value, such as `query.bool.filter[0].term.year`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            below = f"{path}.{key}" if path else key
            if key == name:
                yield below
            yield from places(inner, name, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, name, f"{path}[{index}]")
    elif not isinstance(value, bool) and str(value) == name:
        yield path
