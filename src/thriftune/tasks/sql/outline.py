"""What may be asked of a database: the families of queries, each in a sentence, and rows to ask about."""

import json

from thriftune.tasks.sql.database import Database

_ROWS = 40
_FAMILIES = {
    "where": "It names an exact value of a column.",
    "range": "It bounds a number or a date: more than, before, between.",
    "like": "It knows only a part of a text, such as how a name begins.",
    "null": "It asks for rows that have, or lack, any value in a column.",
    "not": "It excludes something, with words such as not, without, except.",
    "or": "It lets one of two or three things hold, with the word or.",
    "order_by": "It wants the rows in a certain order.",
    "limit": "It wants the few with the most or the least of something.",
    "distinct": "It wants every value once.",
    "aggregate": "It asks for a figure over many rows: a number, an average, a total.",
    "group_by": "It asks for a figure for each kind of something.",
    "having": "It keeps only the groups whose figure is large or small enough.",
    "join": "It needs what stands in two or more tables.",
    "subquery": "It compares rows with a figure over all of them, such as their average.",
    "date": "It speaks of parts of a date: a month, a weekday, an hour.",
}


def families(database: Database) -> dict[str, str]:
    """Return the families that questions about this database may have, each with a sentence."""
    several = len(database.tables) > 1
    return {name: sentence for name, sentence in _FAMILIES.items() if name != "join" or several}


def rows(database: Database) -> tuple[str, ...]:
    """Return rows of all tables as text, each with its table and the names of its columns."""
    return tuple(
        f"{name}: {json.dumps(dict(zip(table.columns, row, strict=False)), ensure_ascii=False, default=str)}"
        for name, table in database.tables.items()
        for row in database.sample(name, _ROWS)
    )
