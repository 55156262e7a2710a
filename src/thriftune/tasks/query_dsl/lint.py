"""What an engine accepts silently though it is surely wrong: fields that are not in the mapping.

Not covered: exact terms on analysed text, nested fields outside `nested`; running the query shows both.
"""

import difflib
import fnmatch
from typing import Any

from thriftune.tasks.query_dsl.bodies import TOP_LEVEL, Fault, fields_named
from thriftune.tasks.query_dsl.mapping import FieldType

_OPEN = {"flattened", "flat_object", "object"}


def lint(body: dict[str, Any], fields: dict[str, FieldType]) -> Fault | None:
    """Return the first fault of a body for this mapping, or None.

    An unmapped field gives 200 and no hits on every server; here it is a fault with the nearest known name.
    """
    for key in body:
        if key not in TOP_LEVEL:
            return Fault("invalid", f"unknown key [{key}] in the body{_near(key, sorted(TOP_LEVEL))}")
    for clause, name in fields_named(body):
        if "*" in name:
            if not fnmatch.filter(fields, name):
                return Fault("unmapped_field", f"no field matches [{name}] in [{clause}]")
        elif name not in fields and name not in ("_score", "_id", "_doc", "_count", "_key", "_geo_distance"):
            if any(field.startswith(name + ".") for field in fields) and clause in ("exists", "field"):
                continue  # an object: exists on it is meaningful
            if any(name.startswith(field + ".") and fields[field].type in _OPEN for field in fields):
                continue  # these hold keys that no mapping lists
            return Fault("unmapped_field", f"no field [{name}] in [{clause}]{_near(name, sorted(fields))}")
    return None


def _near(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f", did you mean [{found[0]}]?" if found else ""
