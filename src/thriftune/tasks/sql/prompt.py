"""The constant part of a prompt: the job, and the tables as SQL creates them, with what a schema cannot say.

Behind a column stands the user's note; without a note the values that a text column holds, where they are few. Where
the tables exceed the budget, the columns that the question seems to need are kept.
"""

import re

from thriftune.tasks.sql.database import Database
from thriftune.tasks.sql.schema import affinity, quoted
from thriftune.tasks.sql.words import KEYWORDS

_FEW, _LONGEST = 12, 40
_CHARACTERS_A_TOKEN = 3.5
_TASK = "Write the SQLite query that answers the question (predict), or why (explain)."

Lines = dict[str, dict[str, str]]


def lines_of(database: Database, notes: dict[str, str]) -> Lines:
    """Return `{table: {column: its line}}`, in the order of the schema."""
    return {
        table: {column: _line(database, table, column, type_, notes) for column, type_ in made.columns.items()}
        for table, made in database.tables.items()
    }


def render(name: str, lines: Lines, question: str, tokens: int) -> str:
    """Return the instructions; of the columns as many as fit about `tokens` tokens, the needed ones first."""
    room = int(tokens * _CHARACTERS_A_TOKEN)
    text = _text(name, lines)
    return text if len(text) <= room else _text(name, _needed(lines, question, room - len(_text(name, {}))))


def _text(name: str, lines: Lines) -> str:
    tables = (
        f"CREATE TABLE {_name(table)} (\n" + "\n".join(columns.values()) + "\n)" for table, columns in lines.items()
    )
    return "\n".join([_TASK, f"Database {name}", *tables])


def _line(database: Database, table: str, column: str, type_: str, notes: dict[str, str]) -> str:
    said = notes.get(f"{table}.{column}") or (_values(database, table, column) if affinity(type_) == "TEXT" else "")
    return f"{_name(column)} {type_}".strip() + "," + (f" -- {said}" if said else "")


def _values(database: Database, table: str, column: str) -> str:
    found = database.values(table, column, _FEW + 1)
    fits = len(found) <= _FEW and all(isinstance(value, str) and len(value) <= _LONGEST for value, _ in found)
    return " ".join(", ".join(value for value, _ in found).split()) if fits else ""


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) and name.lower() not in KEYWORDS else quoted(name)


def _needed(lines: Lines, question: str, room: int) -> Lines:
    """Keep the columns that share most words with the question; the schema's order decides between equals."""
    asked = _stems(question)
    every = [(table, column) for table, columns in lines.items() for column in columns]
    every.sort(key=lambda pair: -len(_stems(f"{pair[0]} {lines[pair[0]][pair[1]]}") & asked))
    kept: set[tuple[str, str]] = set()
    for table, column in every:
        room -= len(lines[table][column]) + 1 + (0 if any(t == table for t, _ in kept) else len(table) + 18)
        if room < 0:
            break
        kept.add((table, column))
    parts = {
        table: {column: line for column, line in columns.items() if (table, column) in kept}
        for table, columns in lines.items()
    }
    return {table: columns for table, columns in parts.items() if columns}


def _stems(text: str) -> set[str]:
    parted = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    return {word[:4] for word in re.split(r"[\W_]+", parted) if len(word) > 1}
