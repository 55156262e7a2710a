"""The section `task`: what is asked, and on what the answers are run."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from thriftune.recipe.base import PositiveInt, Section


class Engine(Section):
    """The search engine. Of this section the tasks `sql` and `json_schema` use `timeout_seconds` alone."""

    url: str | None = None
    """A server that has the collections; it is only searched. Without one the embedded engine is started."""
    kind: Literal["auto", "opensearch", "elasticsearch"] = "auto"
    """The dialect that queries are written in; `auto` is that of the engine, which the server at `url` tells itself.
    `elasticsearch` without `url` judges on the embedded engine and refuses what Elasticsearch does not have."""
    username_env: str = "THRIFTUNE_ENGINE_USER"
    """The environment variable that holds the user of the server."""
    password_env: str = "THRIFTUNE_ENGINE_PASSWORD"
    """The environment variable that holds the password."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Within which an answer has to be there."""

    @model_validator(mode="after")
    def _no_credentials(self) -> "Engine":
        if self.url and "@" in urlsplit(self.url).netloc:  # they would stand in manifests, logs and errors
            raise ValueError(f"url must not hold a user; set {self.username_env} and {self.password_env} instead")
        return self


class Collection(Section):
    """One index: `demo`, or `mapping` and `documents`.

    They are loaded into the embedded engine. With `engine.url` the index is on the server already, and the documents
    are a sample of it, from which document sets for robust execution match are made.
    """

    demo: Literal["films", "flights"] | None = None
    """An embedded one."""
    mapping: Path | None = None
    """A JSON file with what `GET /INDEX/_mapping` prints."""
    documents: Path | None = None
    """A file with one JSON object a line."""
    notes: dict[str, str] = {}
    """What a mapping cannot say, by field: units, codes, the values of a status. Teacher and student read it."""
    spoken: dict[str, dict[str, list[str]]] = {}
    """What people call a field's values (`{dest.code: {BUF: [Buffalo]}}`): questions that use these names are shown the
    values, and variants of lessons vary them."""
    now: str | None = None
    """The moment that relative dates count from, such as 2026-01-01T00:00:00Z. The day of the run unless set."""

    @model_validator(mode="after")
    def _one_source(self) -> "Collection":
        if self.demo and (self.mapping or self.documents):
            raise ValueError("give either demo, or mapping and documents")
        if self.documents and not self.mapping:
            raise ValueError("documents need a mapping")
        return self


class Database(Section):
    """One SQL database: `demo` or `file`."""

    demo: Literal["nycflights"] | None = None
    """The embedded one."""
    file: Path | None = None
    """An SQLite file, which is only read."""
    notes: dict[str, str] = {}
    """What a schema cannot say: `{orders.state: "open, paid or void"}`."""

    @model_validator(mode="after")
    def _one_source(self) -> "Database":
        if bool(self.demo) == bool(self.file):
            raise ValueError("give either demo or file")
        return self


class Schema(Section):
    """One JSON Schema: `demo` or `file`."""

    demo: Literal["support"] | None = None
    """The embedded one."""
    file: Path | None = None
    """The schema, a JSON file."""
    notes: dict[str, str] = {}
    """What a schema cannot say, by the path of a field: `{"passengers[].age": years}`."""

    @model_validator(mode="after")
    def _one_source(self) -> "Schema":
        if bool(self.demo) == bool(self.file):
            raise ValueError("give either demo or file")
        return self


class Task(Section):
    """What is asked, and on what the answers are run."""

    kind: Literal["query_dsl", "sql", "json_schema", "python"] = "query_dsl"
    """`query_dsl` runs on `collections`, `sql` on `databases`, `json_schema` by `schemas`. `python` is a task of the
    user's own."""
    engine: Engine = Engine()
    prompt_tokens: PositiveInt = 1500
    """Bounds the part of the prompt before the question; a longer mapping is cut to what is asked."""
    link_values: bool = True
    """Show behind a question the index's own values that it names (`query_dsl`)."""
    collections: dict[str, Collection] = {}
    """Indices by name (`query_dsl`)."""
    databases: dict[str, Database] = {}
    """Databases by name (`sql`)."""
    schemas: dict[str, Schema] = {}
    """Schemas by name (`json_schema`)."""
    factory: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_]\w*$")] | None = None
    """`FILE.py:FUNCTION` that returns the task (`python`). The file is run as code because the recipe names it: run
    recipes only of people whose code you would run."""
    options: dict[str, Any] = {}
    """Keyword arguments of the factory."""

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

    @property
    def names(self) -> list[str]:
        """The names of all that can be asked; none for a task of the user's own."""
        return [*self.collections, *self.databases, *self.schemas]


NAMED: dict[str, type[Section]] = {"collections": Collection, "databases": Database, "schemas": Schema}
# the keys of named sections that hold paths
FILES = {"collections": ("mapping", "documents"), "databases": ("file",), "schemas": ("file",)}
