"""What the embedded engine is known to answer wrongly: a body that rests on it is `unsupported`, not right or wrong.

The faults are those that the conformance suite found in osmem-server 0.1.6 (`docs/conformance.md`).
"""

from collections.abc import Iterable
from typing import Any

from thriftune.tasks.query_dsl.bodies import Fault, dicts_of
from thriftune.tasks.query_dsl.mapping import FieldType

_ONE_POINT = ("geo_distance", "geo_polygon")


def beyond(body: dict[str, Any], fields: dict[str, FieldType], several_points: set[str]) -> Fault | None:
    """Return why the embedded engine cannot judge a body, or None.

    Args:
        several_points: the fields that hold several points in one document; see `with_several_points`.
    """
    nested = any(field.type == "nested" for field in fields.values())
    for spec in dicts_of(body):
        for clause in _ONE_POINT:
            if isinstance(spec.get(clause), dict) and spec[clause].keys() & several_points:
                return Fault("unsupported", f"[{clause}]: the embedded engine looks at one point of several alone")
        factor = spec.get("field_value_factor")
        if nested and isinstance(factor, dict) and "missing" not in factor:
            return Fault("unsupported", "[field_value_factor]: the embedded engine scores nested objects too")
    return None


def with_several_points(fields: dict[str, FieldType], documents: Iterable[dict[str, Any]]) -> set[str]:
    """Return the fields of points that hold several of them in any of the documents."""
    points = [name for name, field in fields.items() if field.type == "geo_point"]
    if not points:
        return set()
    return {name for document in documents for name in points if _several(document, name)}


def _several(value: Any, path: str) -> bool:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, list) and len(value) > 1 and not isinstance(value[0], int | float)  # [lon, lat] is one
