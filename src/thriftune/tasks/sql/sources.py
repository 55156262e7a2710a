"""Where a database comes from: the embedded demo, or an SQLite file of the user's, which is only read."""

import sqlite3
from pathlib import Path

from thriftune import recipe
from thriftune.demo import flights_sql
from thriftune.errors import InputError
from thriftune.files import content_id, file_id
from thriftune.tasks.sql.database import Database


def read(name: str, settings: recipe.Database, timeout_seconds: float) -> tuple[Database, str]:
    """Open the database that the recipe describes; return it with an id that changes when its content does.

    Raises:
        InputError: the file is missing, is no SQLite database, or has no tables.
    """
    if settings.file is None:
        connection = sqlite3.connect(":memory:")
        flights_sql.fill(connection)
        return Database(connection, timeout_seconds), content_id(settings.demo, flights_sql.SCHEMA)
    place = f"task.databases.{name}.file"
    if not settings.file.is_file():
        raise InputError(f"{place}: there is no file {settings.file}")
    return _opened(settings.file, place, timeout_seconds), file_id(settings.file)


def notes_of(settings: recipe.Database) -> dict[str, str]:
    """Return what a schema cannot say, by `table.column`."""
    return (flights_sql.NOTES if settings.demo else {}) | settings.notes


def _opened(path: Path, place: str, timeout_seconds: float) -> Database:
    try:
        database = _connected(path, timeout_seconds)
    except sqlite3.Error as error:
        raise InputError(f"{place}: {path} cannot be read as an SQLite database: {error}") from error
    if not database.tables:
        database.close()
        raise InputError(f"{place}: {path} has no tables")
    return database


def _connected(path: Path, timeout_seconds: float) -> Database:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return Database(connection, timeout_seconds)
    except sqlite3.Error:
        connection.close()
        raise
