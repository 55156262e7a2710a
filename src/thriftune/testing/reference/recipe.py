"""The page of the recipe: sections and keys as they are typed, described by the text below each."""

import ast
import inspect
import json
import types
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from thriftune.recipe import Recipe
from thriftune.recipe.base import Section

_HEAD = """# The recipe

*Made of the code by `python -m thriftune.testing.reference`; edit the texts in `src/thriftune/recipe/`, not this page.*

A recipe is one YAML file. A key that is not here is refused, with the nearest one that is; all faults come at once. Any
key can be set on the command line: `thriftune run RECIPE train.rank=32`. Paths are beside the recipe. Only `name`,
`task` and `teacher` have to be there.

"""
_PLAIN = {str: "text", Path: "path", bool: "`true` or `false`", int: "whole number", float: "number", Any: "any value"}
_BOUNDS = {"gt": "above {}", "ge": "{} or more", "lt": "below {}", "le": "at most {}"}


def page() -> str:
    """Return the page."""
    return _HEAD + "\n\n".join(_part(path, section) for path, section in sections()) + "\n"


def sections() -> Iterator[tuple[str, type[Section]]]:
    """Yield (dotted name, type) of all sections, the whole recipe first with an empty name."""
    yield from _below("", Recipe)


def descriptions(section: type[BaseModel]) -> dict[str, str]:
    """Return the text below each key of a section."""
    body = ast.parse(dedent(inspect.getsource(section))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for key, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(below, ast.Expr):
            found[key.target.id] = " ".join(str(ast.literal_eval(below.value)).split())
    return found


def _below(path: str, section: type[Section]) -> Iterator[tuple[str, type[Section]]]:
    yield path, section
    for name, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner:
            named = f"{name}.NAME" if get_origin(field.annotation) is dict else name
            yield from _below(f"{path}.{named}".lstrip("."), inner)


def section_of(annotation: Any) -> type[Section] | None:
    """The section that a key holds, itself or as the values of a dict."""
    kind = get_args(annotation)[1] if get_origin(annotation) is dict else annotation
    return kind if inspect.isclass(kind) and issubclass(kind, Section) else None


def _part(path: str, section: type[Section]) -> str:
    told, text = descriptions(section), inspect.cleandoc(section.__doc__ or "")
    rows = [_row(path, name, field, told.get(name, "")) for name, field in section.model_fields.items()]
    table = "\n".join(["| key | value | default | |", "|---|---|---|---|", *rows])
    return f"## {f'`{path}`' if path else 'All sections'}\n\n{text}\n\n{table}"


def _row(path: str, name: str, field: FieldInfo, told: str) -> str:
    inner, target = section_of(field.annotation), f"{path}.{name}".lstrip(".")
    if inner is None:
        cells = (kind_of(field.annotation, field.metadata), _default(field), told)
    elif get_origin(field.annotation) is dict:
        cells = (f"{{NAME: [section](#{_anchor(target)}name)}}", _default(field), told)
    else:
        cells = (f"[section](#{_anchor(target)})", "required" if field.is_required() else "", _sentence(inner))
    return f"| `{name}` | {' | '.join(map(_cell, cells))} |"


def kind_of(annotation: Any, metadata: Any = ()) -> str:
    """Return in words what values a key takes."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return kind_of(inner[0], [*inner[1:], *metadata])
    if origin in (Union, types.UnionType):
        return " or ".join(kind_of(kind, metadata) for kind in inner if kind is not type(None))
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (list, tuple):
        return f"list of {kind_of(inner[0])}"
    if origin is dict:
        return f"{{name: {kind_of(inner[1])}}}"
    return ", ".join([_PLAIN[annotation], *_bounds(metadata)])


def _bounds(metadata: Any) -> Iterator[str]:
    """Yield the bounds of a number; they stand in pydantic's `Field` or as marks of their own."""
    marks = [mark for item in metadata for mark in (item.metadata if isinstance(item, FieldInfo) else [item])]
    for key, words in _BOUNDS.items():
        for mark in marks:
            if getattr(mark, key, None) is not None:
                yield words.format(f"{getattr(mark, key):g}")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "–"
    return f"`{json.dumps(_plain(value), ensure_ascii=False)}`"


def _plain(value: Any) -> Any:
    """The default as a recipe spells it: of sections only what is not their own default."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _sentence(section: type[Section]) -> str:
    """Return the first sentence of a section's text."""
    return inspect.cleandoc(section.__doc__ or "").partition("\n")[0].partition(". ")[0].rstrip(".") + "."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _anchor(path: str) -> str:
    return path.lower().replace(".", "")
