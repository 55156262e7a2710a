"""The constant part of a prompt: the job, and the schema as one line for each field.

A field's line is its path, a star where it is required, its type or the values it may have, its bounds, and the user's
note or else the schema's own description. Where the lines exceed the budget, the required fields and those that the
question seems to need are kept; then the prompt is no longer the same for all questions, and training shares less.

The lines are a reading aid, the judge uses the schema itself: branches of `anyOf` and the like are shown as one, `$ref`
is followed within the schema by JSON pointer, recursion is cut.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

_CHARACTERS_A_TOKEN = 3.5
_LONGEST, _DEEPEST = 160, 8
_TASK = "Write the JSON document that says what the text says (predict), or why (explain)."
_BRANCHES = ("allOf", "anyOf", "oneOf")
_BOUNDS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "multipleOf": "multiple of {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "maxLength": "at most {} characters",
    "pattern": "like {}",
    "format": "{}",
}

Lines = dict[str, str]


def lines_of(schema: Any, notes: dict[str, str]) -> Lines:
    """Return `{path: its line}` of a schema's fields, in its order."""
    lines = {}
    for path, nodes, required in fields_of(schema):
        said = notes.get(path) or next((_text(n["description"]) for n in nodes if "description" in n), "")
        described = " ".join(part for part in (_type(nodes), *_bounds(nodes)) if part)
        lines[path] = f"{path}{'*' if required else ''} {described}".strip() + (f": {said}" if said else "")
    return lines


def render(name: str, lines: Lines, question: str, tokens: int) -> str:
    """Return the instructions; of the fields as many as fit about `tokens` tokens, the needed ones first."""
    head = [_TASK, f"Schema {name} (* required)"]
    room = int(tokens * _CHARACTERS_A_TOKEN) - sum(len(line) + 1 for line in head)
    if sum(len(line) + 1 for line in lines.values()) > room:
        lines = _needed(lines, question, room)
    return "\n".join([*head, *lines.values()])


def fields_of(schema: Any) -> Iterator[tuple[str, list[dict[str, Any]], bool]]:
    """Yield (path, schemas that apply there, whether it is required) for every field, outer ones first."""
    yield from _fields(schema, [schema], "", 0)


def words_of(schema: Any) -> Iterator[str]:
    """Yield what answers may copy from a schema: names of fields and allowed values."""
    for path, nodes, _ in fields_of(schema):
        yield path.removesuffix("[]").rpartition(".")[2]
        for node in nodes:
            yield from (value for value in [*_listed(node.get("enum")), node.get("const")] if isinstance(value, str))


def _fields(root: Any, nodes: list[Any], path: str, depth: int) -> Iterator[tuple[str, list[dict[str, Any]], bool]]:
    parts = [part for node in nodes for part in _parts(root, node)]
    required = {name for part in parts for name in _listed(part.get("required"))}
    below: dict[str, list[Any]] = {}
    for part in parts:
        for name, inner in _object(part.get("properties")).items():
            below.setdefault(f"{path}.{name}" if path else name, []).append(inner)
        items = part.get("items", part.get("contains"))
        for inner in [*_listed(part.get("prefixItems")), *(items if isinstance(items, list) else [items])]:
            if isinstance(inner, dict):
                below.setdefault(f"{path}[]", []).append(inner)
    for inner_path, inner_nodes in below.items() if depth < _DEEPEST else ():
        found = [part for node in inner_nodes for part in _parts(root, node)]
        name = inner_path.removeprefix(f"{path}." if path else "")
        yield inner_path, found, name in required
        yield from _fields(root, inner_nodes, inner_path, depth + 1)


def _parts(root: Any, node: Any, seen: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield a schema and all that apply to the same value with it."""
    if not isinstance(node, dict):
        return
    yield node
    reference = node.get("$ref")
    if isinstance(reference, str) and reference not in seen and len(seen) < _DEEPEST:
        yield from _parts(root, _pointed(root, reference), (*seen, reference))
    for key in _BRANCHES:
        for inner in _listed(node.get(key)):
            yield from _parts(root, inner, seen)
    for key in ("then", "else"):
        yield from _parts(root, node.get(key), seen)


def _pointed(root: Any, reference: str) -> Any:
    if not reference.startswith("#"):
        return None
    found = root
    for step in reference[1:].split("/")[1:]:
        found = _object(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def _type(nodes: list[dict[str, Any]]) -> str:
    values = next((_listed(node["enum"]) for node in nodes if "enum" in node), None)
    if values is None:
        values = [node["const"] for node in nodes if "const" in node]
    if values:
        return _text(" | ".join(value if isinstance(value, str) else json.dumps(value) for value in values), 600)
    named = [node["type"] for node in nodes if "type" in node]
    types = dict.fromkeys(name for names in named for name in ([names] if isinstance(names, str) else names))
    free = any(node.get("uniqueItems") is True for node in nodes)
    return " or ".join(types) + (" in any order" if free else "")


def _bounds(nodes: list[dict[str, Any]]) -> Iterator[str]:
    for key, text in _BOUNDS.items():
        found = next((node[key] for node in nodes if key in node), None)
        if found is not None and not isinstance(found, bool):
            yield _text(text.format(found), 80)


def _needed(lines: Lines, question: str, room: int) -> Lines:
    """Keep required fields, then those whose line shares most words with the question; the order decides equals."""
    asked = _stems(question)
    ranked = sorted(lines, key=lambda path: (not lines[path].startswith(f"{path}*"), -len(_stems(lines[path]) & asked)))
    kept = set()
    for path in ranked:
        room -= len(lines[path]) + 1
        if room < 0:
            break
        kept.add(path)
    return {path: line for path, line in lines.items() if path in kept}


def _stems(text: str) -> set[str]:
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    return {word[:4] for word in re.split(r"[\W_]+", parted) if len(word) > 2}


def _text(value: Any, most: int = _LONGEST) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= most else text[: most - 1] + "…"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
