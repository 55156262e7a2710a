"""A collection: mapping, documents and notes, from the recipe's files or the embedded demo."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thriftune import recipe
from thriftune.demo import COLLECTIONS
from thriftune.errors import InputError
from thriftune.runs import file_id, read_lines


@dataclass(frozen=True)
class Collection:
    """One index. `documents()` yields documents with `_id`; `source_id` changes when they do.

    `spoken` holds what people call the values of a field: `{field: {value: [names]}}`.
    """

    mapping: dict[str, Any]
    documents: Callable[[], Iterator[dict[str, Any]]]
    notes: dict[str, str]
    now: str | None
    source_id: str
    spoken: dict[str, dict[str, list[str]]] = field(default_factory=dict)


def read(name: str, settings: recipe.Collection) -> Collection:
    """Return the collection that the recipe describes.

    Raises:
        InputError: a file is missing or wrong; names file and line.
    """
    if settings.demo:
        demo = COLLECTIONS[settings.demo]
        notes, spoken = demo.NOTES | settings.notes, getattr(demo, "SPOKEN", {}) | settings.spoken
        return Collection(demo.MAPPING, demo.documents, notes, settings.now or demo.NOW, settings.demo, spoken)
    if not settings.mapping or not settings.documents:
        raise InputError(f"task.collections.{name} needs demo, or mapping and documents")
    mapping = read_mapping(settings.mapping)
    path = settings.documents
    if not path.is_file():
        raise InputError(f"task.collections.{name}.documents: there is no file {path}")
    source_id = file_id(settings.mapping, path)
    return Collection(
        mapping, lambda: read_documents(path), settings.notes, settings.now, source_id, spoken=settings.spoken
    )


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the mapping in a file of any of the forms that servers print.

    Raises:
        InputError: there is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the mapping {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    for key in ("mappings",):  # the forms that servers print: {"mappings": …} or {"INDEX": {"mappings": …}}
        if isinstance(value, dict) and "properties" not in value and key not in value and len(value) == 1:
            value = next(iter(value.values()))
        value = value.get(key, value) if isinstance(value, dict) else value
    if not isinstance(value, dict) or "properties" not in value:
        raise InputError(f'{path} is no mapping: it has no "properties". Save what GET /INDEX/_mapping prints')
    return value


def read_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the documents in a file of JSON lines; those without an `_id` get their line's number.

    Raises:
        InputError: names file and line.
    """
    for number, value in read_lines(path):
        if not isinstance(value, dict):
            raise InputError(f"{path}:{number}: a document is a JSON object")
        yield {"_id": str(number), **value}
