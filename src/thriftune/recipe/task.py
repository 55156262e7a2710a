"""The section `task`: what is asked, and on what the answers are run."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from thriftune.recipe.base import PositiveInt, Section


class Engine(Section):
    """The search engine. Without `url` the embedded one is started; credentials are read from the environment.

    `kind` says which dialect the queries are written in; by default that of the engine, which the server at `url` tells
    itself. `elasticsearch` without `url` judges on the embedded engine and refuses what Elasticsearch does not have.
    """

    url: str | None = None
    kind: Literal["auto", "opensearch", "elasticsearch"] = "auto"
    username_env: str = "THRIFTUNE_ENGINE_USER"
    password_env: str = "THRIFTUNE_ENGINE_PASSWORD"
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="after")
    def _no_credentials(self) -> "Engine":
        if self.url and "@" in urlsplit(self.url).netloc:  # they would stand in manifests, logs and errors
            raise ValueError(f"url must not hold a user; set {self.username_env} and {self.password_env} instead")
        return self


class Collection(Section):
    """One index. `demo` takes an embedded one; else `mapping` (JSON) and `documents` (JSONL) are files.

    They are loaded into the embedded engine. With `engine.url` the index is on the server already, and the documents
    are a sample of it, from which document sets for robust execution match are made.
    `spoken` says what people call a field's values (`{dest.code: {BUF: [Buffalo]}}`): questions that use these names
    are shown the values (`task.link_values`), and variants of lessons vary them.
    """

    demo: Literal["films", "flights"] | None = None
    mapping: Path | None = None
    documents: Path | None = None
    notes: dict[str, str] = {}
    spoken: dict[str, dict[str, list[str]]] = {}
    now: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Collection":
        if self.demo and (self.mapping or self.documents):
            raise ValueError("give either demo, or mapping and documents")
        if self.documents and not self.mapping:
            raise ValueError("documents need a mapping")
        return self


class Database(Section):
    """One SQL database. `demo` takes the embedded one; else `file` is an SQLite file, which is only read.

    `notes` says what a schema cannot: `{orders.state: "open, paid or void"}`.
    """

    demo: Literal["nycflights"] | None = None
    file: Path | None = None
    notes: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> "Database":
        if bool(self.demo) == bool(self.file):
            raise ValueError("give either demo or file")
        return self


class Schema(Section):
    """One JSON Schema. `demo` takes the embedded one; else `file` holds the schema.

    `notes` says what a schema cannot, by the path of a field: `{"passengers[].age": years}`.
    """

    demo: Literal["support"] | None = None
    file: Path | None = None
    notes: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> "Schema":
        if bool(self.demo) == bool(self.file):
            raise ValueError("give either demo or file")
        return self


class Task(Section):
    """What is asked, and on what the answers are run.

    `query_dsl` runs on `collections`, `sql` on `databases`, `json_schema` by `schemas`. `python` is a task of the
    user's own: `factory` (`FILE.py:FUNCTION`) is called with `options` as keyword arguments and returns it. The file
    is run as code because the recipe names it: run recipes only of people whose code you would run.
    `prompt_tokens` bounds the part before the question. `link_values` shows behind a question the index's own values
    that it names (`query_dsl`). Of `engine` the tasks `sql` and `json_schema` use `timeout_seconds` alone.
    """

    kind: Literal["query_dsl", "sql", "json_schema", "python"] = "query_dsl"
    engine: Engine = Engine()
    prompt_tokens: PositiveInt = 1500
    link_values: bool = True
    collections: dict[str, Collection] = {}
    databases: dict[str, Database] = {}
    schemas: dict[str, Schema] = {}
    factory: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_]\w*$")] | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _what_the_kind_asks(self) -> "Task":
        needed = {"query_dsl": "collections", "sql": "databases", "json_schema": "schemas", "python": "factory"}
        if not getattr(self, needed[self.kind]):
            what = "FILE.py:FUNCTION" if self.kind == "python" else "at least one name"
            raise ValueError(f"kind {self.kind} needs {needed[self.kind]} with {what}")
        for kind, key in [*needed.items(), ("python", "options")]:
            if kind != self.kind and getattr(self, key):
                raise ValueError(f"kind {self.kind} has no {key}; give {needed[self.kind]} alone, or change task.kind")
        return self


NAMED: dict[str, type[Section]] = {"collections": Collection, "databases": Database, "schemas": Schema}
# the keys of named sections that hold paths
FILES = {"collections": ("mapping", "documents"), "databases": ("file",), "schemas": ("file",)}
