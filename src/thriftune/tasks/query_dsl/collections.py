"""A collection: mapping, documents and notes, from the recipe's files or the embedded demo."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thriftune import recipe
from thriftune.demo import COLLECTIONS
from thriftune.errors import InputError
from thriftune.files import file_id, read_lines


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
    mapping = read_mapping(settings.mapping, name)
    path = settings.documents
    if not path.is_file():
        raise InputError(f"task.collections.{name}.documents: there is no file {path}")
    source_id = file_id(settings.mapping, path)
    return Collection(
        mapping, lambda: read_documents(path), settings.notes, settings.now, source_id, spoken=settings.spoken
    )


def read_mapping(path: Path, index: str) -> dict[str, Any]:
    """Return the mapping of an index in a file of any of the forms that servers print.

    A file of one index is taken whatever its name there: indices are reindexed and have aliases.

    Raises:
        InputError: there is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the mapping {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    value = _whole_mapping(value, index, path)
    if not isinstance(value, dict) or "properties" not in value:
        raise InputError(f'{path} is no mapping: it has no "properties". Save what GET /INDEX/_mapping prints')
    return value


def _whole_mapping(value: Any, index: str, path: Path) -> Any:
    """Open `{"mappings": …}` and `{"INDEX": {"mappings": …}, …}`; anything else stays as it is."""
    if isinstance(value, dict) and value and all(isinstance(one, dict) and "mappings" in one for one in value.values()):
        if index not in value and len(value) > 1:
            raise InputError(f"{path} holds the mappings of {', '.join(value)}, and none of an index {index}")
        value = value[index] if index in value else next(iter(value.values()))
    return value.get("mappings", value) if isinstance(value, dict) else value


def read_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the documents in a file of JSON lines; those without an `_id` get their line's number.

    A line may be a document or a hit as servers print it, `{"_id": …, "_source": {…}}`.

    Raises:
        InputError: names file and line.
    """
    for number, value in read_lines(path, whole=True):
        if not isinstance(value, dict):
            raise InputError(f"{path}:{number}: a document is a JSON object")
        if isinstance(value.get("_source"), dict):  # no index has a field of this name
            value = {key: value[key] for key in ("_id",) if key in value} | value["_source"]
        yield {"_id": str(number), **value}
