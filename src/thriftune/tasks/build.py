"""Make the task that a recipe names."""

import os
from contextlib import ExitStack

from thriftune.errors import EngineError
from thriftune.recipe import Engine as EngineSettings
from thriftune.recipe import Recipe
from thriftune.tasks.base import Task


def build(recipe: Recipe) -> Task:
    """Make the task of `task.kind`, ready to judge.

    Raises:
        EngineError, InputError, MissingPackage: see the room of the kind, and `tasks.own`.
    """
    makers = {"query_dsl": _query_dsl, "sql": _sql, "json_schema": _json_schema, "python": _own}
    return makers[recipe.task.kind](recipe)


def _own(recipe: Recipe) -> Task:
    from thriftune.tasks.own import make

    return make(str(recipe.task.factory), recipe.task.options)


def _json_schema(recipe: Recipe) -> Task:
    from thriftune.tasks.json_schema.schemas import read
    from thriftune.tasks.json_schema.task import JsonSchema

    sources = {name: read(name, chosen) for name, chosen in recipe.task.schemas.items()}
    return JsonSchema(sources, recipe.task.prompt_tokens, recipe.task.engine.timeout_seconds)


def _sql(recipe: Recipe) -> Task:
    from thriftune.tasks.sql.sources import notes_of, read
    from thriftune.tasks.sql.task import Source, Sql

    settings, seconds = recipe.task, recipe.task.engine.timeout_seconds
    sources = {}
    for name, chosen in settings.databases.items():
        database, source_id = read(name, chosen, seconds)
        sources[name] = Source(database, notes_of(chosen), source_id)
    return Sql(sources, recipe.evaluate.robust, settings.prompt_tokens, seconds)


def _query_dsl(recipe: Recipe) -> Task:
    """Start the embedded engine and load the collections into it, or reach the server at `task.engine.url`.

    A server is only searched; document sets made for a judgement always live in the embedded engine.
    """
    from thriftune.tasks.query_dsl import collections
    from thriftune.tasks.query_dsl.engine import Engine, embedded
    from thriftune.tasks.query_dsl.task import QueryDsl

    chosen = {name: collections.read(name, settings) for name, settings in recipe.task.collections.items()}
    resources = ExitStack()
    settings = recipe.task.engine
    with resources:
        sandbox = resources.enter_context(embedded(settings.timeout_seconds))
        engine = sandbox
        if settings.url:
            engine = Engine(settings.url, credentials(settings), settings.timeout_seconds, settings.kind)
        else:
            for name, collection in chosen.items():
                sandbox.load(name, collection.mapping, collection.documents())
        return QueryDsl(
            engine,
            sandbox,
            chosen,
            robust=recipe.evaluate.robust,
            prompt_tokens=recipe.task.prompt_tokens,
            link_values=recipe.task.link_values,
            written_for=settings.kind,
            _resources=resources.pop_all(),
        )


def credentials(settings: EngineSettings) -> tuple[str, str] | None:
    """Return name and password from the environment; None where neither is there.

    Raises:
        EngineError: there is one without the other.
    """
    user, password = os.environ.get(settings.username_env), os.environ.get(settings.password_env)
    if bool(user) != bool(password):
        raise EngineError(f"set both {settings.username_env} and {settings.password_env}, or neither")
    return (user, password) if user and password else None
