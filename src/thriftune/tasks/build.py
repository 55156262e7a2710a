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
        EngineError, InputError, MissingPackage: see the rooms `tasks.query_dsl` and `tasks.sql`.
    """
    return _sql(recipe) if recipe.task.kind == "sql" else _query_dsl(recipe)


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
            engine = Engine(settings.url, _credentials(settings), settings.timeout_seconds)
        else:
            for name, collection in chosen.items():
                sandbox.load(name, collection.mapping, collection.documents())
        return QueryDsl(engine, sandbox, chosen, recipe.evaluate.robust, recipe.task.prompt_tokens, resources.pop_all())


def _credentials(settings: EngineSettings) -> tuple[str, str] | None:
    user, password = os.environ.get(settings.username_env), os.environ.get(settings.password_env)
    if bool(user) != bool(password):
        raise EngineError(f"set both {settings.username_env} and {settings.password_env}, or neither")
    return (user, password) if user and password else None
