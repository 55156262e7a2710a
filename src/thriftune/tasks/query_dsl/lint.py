"""What an engine accepts silently though it is surely wrong, fields that are not in the mapping; and two queries in one
object, of which engines name different ones.

Not covered: exact terms on analysed text, nested fields outside `nested`; running the query shows both.
"""

import difflib
import fnmatch
from collections.abc import Iterator
from typing import Any

from thriftune.tasks.query_dsl.bodies import TOP_LEVEL, Fault, fields_named
from thriftune.tasks.query_dsl.mapping import FieldType

# where queries hold queries
_INNER = {
    "bool": ("must", "filter", "should", "must_not"),
    "nested": ("query",),
    "constant_score": ("filter",),
    "dis_max": ("queries",),
    "boosting": ("positive", "negative"),
    "function_score": ("query",),
    "has_child": ("query",),
    "has_parent": ("query",),
}
_OPEN = {"flattened", "flat_object", "object"}


def lint(body: dict[str, Any], fields: dict[str, FieldType]) -> Fault | None:
    """Return the first fault of a body for this mapping, or None.

    An unmapped field gives 200 and no hits on every server; here it is a fault with the nearest known name.
    """
    for key in body:
        if key not in TOP_LEVEL:
            return Fault("invalid", f"unknown key [{key}] in the body{_near(key, sorted(TOP_LEVEL))}")
    for query in _queries(body):
        if len(query) > 1:
            first = next(iter(query))
            return Fault("invalid", f"[{first}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]")
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


def _queries(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects that stand where one query is expected, outermost first."""
    waiting = [body.get("query"), body.get("post_filter")]
    while waiting:
        query = waiting.pop(0)
        if isinstance(query, list):
            waiting += query
        elif isinstance(query, dict):
            yield query
            waiting += [spec[key] for kind, spec in query.items() for key in _INNER.get(kind, ()) if _has(spec, key)]


def _has(spec: Any, key: str) -> bool:
    return isinstance(spec, dict) and key in spec


def _near(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f", did you mean [{found[0]}]?" if found else ""
