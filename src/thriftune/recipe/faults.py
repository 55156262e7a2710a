"""All faults of a recipe at once, in the user's spelling."""

import difflib
from typing import Any

from pydantic import ValidationError

from thriftune.recipe.task import NAMED, Collection
from thriftune.recipe.whole import Recipe


def told(name: str, error: ValidationError) -> str:
    """Return one text with a line for each fault of the recipe `name`."""
    rows = [(_dotted(fault["loc"]), _sentence(fault)) for fault in error.errors()]
    width = max(len(key) for key, _ in rows)
    head = f"{name} has {len(rows)} problem{'s' if len(rows) > 1 else ''}:"
    return "\n".join([head, *(f"  {key:<{width}}  {text}" for key, text in rows)])


def _dotted(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location)


def _sentence(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), _keys_beside(fault["loc"]), n=1)
        parents = fault["loc"][:-1]
        return "is not a key" + (f"; did you mean {_dotted((*parents, near[0]))}?" if near else "")
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] == "model_type":
        given = fault["input"]
        return "is empty; give it keys or leave it out" if given is None else f"must hold keys, got {given!r}"
    message = fault["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "must be")
    given = fault["input"]
    return message if isinstance(given, dict | list) else f"{message}, got {given!r}"


def _keys_beside(location: tuple[Any, ...]) -> list[str]:
    model: Any = Recipe
    for part in location[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:  # a name of the user's own: task.collections.NAME
            model = NAMED.get(str(location[1]), Collection)
        else:
            model = field.annotation
    return list(getattr(model, "model_fields", {}))
