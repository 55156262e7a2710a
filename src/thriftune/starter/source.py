"""Mapping and documents of an index: fetched from a server, or read from files."""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from thriftune.errors import EngineError, InputError
from thriftune.tasks.query_dsl.collections import read_documents, read_mapping
from thriftune.tasks.query_dsl.engine import Engine, Refusal


@dataclass(frozen=True)
class Source:
    """What a recipe needs of an index. `url` is empty where it came from files."""

    mapping: dict[str, Any]
    documents: list[dict[str, Any]]
    url: str = ""


def from_server(engine: Engine, index: str, most: int) -> Source:
    """Fetch the mapping and the first documents of an index; the server is only read.

    Raises:
        EngineError: the server cannot be reached, refuses, or has no such index.
        InputError: the index is empty.
    """
    mapping = engine.mapping(index)
    reply = engine.search(index, [{"size": most, "sort": ["_doc"]}])[0]
    if isinstance(reply, Refusal):
        raise EngineError(f"{engine.url} refuses to give documents of {index}: {reply.reason}")
    documents = [{"_id": hit["_id"], **hit.get("_source", {})} for hit in reply["hits"]["hits"]]
    if not documents:
        raise InputError(f"index {index} on {engine.url} holds no documents, so no answer could be judged")
    return Source(mapping, documents, engine.url)


def from_files(mapping: Path, documents: Path, index: str, most: int) -> Source:
    """Read what `GET /INDEX/_mapping` printed, and documents as JSON lines.

    Raises:
        InputError: a file is missing or wrong, or there are no documents.
    """
    found = list(islice(read_documents(documents), most))
    if not found:
        raise InputError(f"{documents} holds no documents, so no answer could be judged")
    return Source(read_mapping(mapping, index), found)


def lines(documents: list[dict[str, Any]]) -> str:
    """Return documents as JSON lines."""
    return "".join(json.dumps(document, ensure_ascii=False) + "\n" for document in documents)
