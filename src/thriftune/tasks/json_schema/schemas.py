"""A schema: its text and the user's notes, from the recipe's file or the embedded demo."""

import json
from dataclasses import dataclass
from typing import Any

from thriftune import recipe
from thriftune.demo import support
from thriftune.errors import InputError


@dataclass(frozen=True)
class Source:
    """A JSON Schema as data, with notes by the path of a field (`passengers[].name`)."""

    schema: Any
    notes: dict[str, str]


def read(name: str, settings: recipe.Schema) -> Source:
    """Return the schema that the recipe describes; whether it is one is found out by `validate`.

    Raises:
        InputError: the file is missing or is not JSON.
    """
    if settings.demo:
        return Source(support.SCHEMA, support.NOTES | settings.notes)
    path = settings.file
    if path is None or not path.is_file():
        raise InputError(f"task.schemas.{name}.file: there is no file {path}")
    try:
        return Source(json.loads(path.read_text(encoding="utf-8-sig")), settings.notes)
    except RecursionError:
        raise InputError(f"task.schemas.{name}.file: {path} is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"task.schemas.{name}.file: {path} is not JSON: {error}") from error
