"""What aggregations returned, without the names that their writer gave them, and when two are the same."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from thriftune.tasks.query_dsl.bodies import aggs_of

Tree = tuple[str, str, dict[str, Any]]  # type, field, result: `values`, or `buckets` with their inner trees
_COUNTED = 1_000
_SKETCHES = {"percentiles", "percentile_ranks", "cardinality", "median_absolute_deviation"}
_ONE_BUCKET = {"filter", "nested", "reverse_nested", "global", "missing", "sampler"}
_IGNORED = {
    "meta",
    "doc_count_error_upper_bound",
    "sum_other_doc_count",
    "key_as_string",
    "from_as_string",
    "to_as_string",
}


def trees_of(aggs: Any, results: dict[str, Any]) -> tuple[Tree, ...]:
    """Pair each requested aggregation with its result: (type, field, result with inner pairs), names dropped."""
    trees = []
    for name, spec in aggs.items():
        kind = next(key for key in spec if key not in ("aggs", "aggregations", "meta"))
        inner = aggs_of(spec)
        trees.append((kind, _field(spec[kind]), _result(kind, spec[kind], inner, results.get(name, {}))))
    return tuple(sorted(trees, key=lambda tree: (tree[0], tree[1])))


def _field(parameters: Any) -> str:
    if not isinstance(parameters, dict):
        return ""
    return str(parameters.get("field") or parameters.get("path") or "")


def _result(kind: str, parameters: Any, inner: Any, result: dict[str, Any]) -> dict[str, Any]:
    if kind == "top_hits":  # what is shown of a document does not count, and neither does its score
        hits = result["hits"]
        return {"values": {"total": hits["total"]["value"], "ids": [hit["_id"] for hit in hits["hits"]]}, "inner": ()}
    if "buckets" not in result or kind in _ONE_BUCKET:  # where `buckets` is a name of the writer's own
        values = {key: value for key, value in result.items() if key not in _IGNORED and key not in inner}
        return {"values": values, "inner": trees_of(inner, result)}
    buckets = result["buckets"]
    rows = list(buckets.items()) if isinstance(buckets, dict) else [(None, bucket) for bucket in buckets]
    return {
        "order": _order(kind, parameters),
        "buckets": [
            {"key": _bucket_key(kind, name, bucket), "count": bucket["doc_count"], "inner": trees_of(inner, bucket)}
            for name, bucket in rows
        ],
    }


def _order(kind: str, parameters: Any) -> str:
    """Return what buckets are ordered by, where the writer says other than the default: `_key`, `_count`, a name."""
    order = parameters.get("order") if isinstance(parameters, dict) else None
    first = order[0] if isinstance(order, list) and order else order
    if kind not in ("terms", "histogram", "date_histogram") or not isinstance(first, dict):
        return ""
    default = {"_count": "desc"} if kind == "terms" else {"_key": "asc"}
    return "" if first == default else str(next(iter(first), ""))


def _bucket_key(kind: str, name: Any, bucket: dict[str, Any]) -> Any:
    if kind in ("range", "date_range", "geo_distance"):
        return (bucket.get("from"), bucket.get("to"))
    if kind in ("filters", "adjacency_matrix"):
        return None  # the names are the writer's own
    key = bucket.get("key", name)
    if kind == "composite":
        key = list(key.values())  # and so are the names of sources
    return json.dumps(key, sort_keys=True)


def same_trees(gold: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Match aggregations one to one; of several of one type and field any pairing will do."""
    return len(gold) == len(other) and _matched(gold, other, _same_tree)


def _same_tree(gold: Tree, other: Tree) -> bool:
    kind, field, expected = gold
    other_kind, other_field, got = other
    if kind != other_kind or (field != other_field and kind not in ("filter", "filters")):
        return False
    if "values" in expected:
        return (
            "values" in got
            and _close(expected["values"], got["values"], _tolerance(kind, expected["values"]))
            and same_trees(expected["inner"], got["inner"])
        )
    return "buckets" in got and _same_buckets(expected, got)


def _tolerance(kind: str, values: dict[str, Any]) -> float:
    counted = kind == "cardinality" and values.get("value", 0) < _COUNTED
    return 0.05 if kind in _SKETCHES and not counted else 1e-6


def _same_buckets(gold: dict[str, Any], other: dict[str, Any]) -> bool:
    expected, got = gold["buckets"], other["buckets"]
    if len(expected) != len(got):
        return False
    if gold["order"] and not all(_same_place(gold["order"], a, b) for a, b in zip(expected, got, strict=True)):
        return False
    return _matched(expected, got, _same_bucket)


def _matched(gold: Sequence[Any], other: Sequence[Any], same: Callable[[Any, Any], bool]) -> bool:
    """Find one of the others for each, every one used once."""
    left = list(other)
    for each in gold:
        found = next((candidate for candidate in left if same(each, candidate)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _same_place(order: str, gold: dict[str, Any], other: dict[str, Any]) -> bool:
    if order == "_key":
        return bool(gold["key"] == other["key"])
    if order == "_count":
        return bool(gold["count"] == other["count"])
    return _same_bucket(gold, other, keys=False)


def _same_bucket(gold: dict[str, Any], other: dict[str, Any], keys: bool = True) -> bool:
    if keys and gold["key"] != other["key"]:
        return False
    return bool(gold["count"] == other["count"]) and same_trees(gold["inner"], other["inner"])


def _close(gold: Any, other: Any, tolerance: float) -> bool:
    if isinstance(gold, dict) and isinstance(other, dict):
        return gold.keys() == other.keys() and all(_close(gold[key], other[key], tolerance) for key in gold)
    if isinstance(gold, list) and isinstance(other, list):
        return len(gold) == len(other) and all(_close(a, b, tolerance) for a, b in zip(gold, other, strict=True))
    if isinstance(gold, int | float) and isinstance(other, int | float):
        return math.isclose(gold, other, rel_tol=tolerance, abs_tol=1e-9)
    return bool(gold == other)


def leaves(trees: tuple[Any, ...], path: tuple[Any, ...] = ()) -> set[Any]:
    """Return what an F1 counts: each value with its path of types, fields and keys, and each bucket with its count."""
    found: set[Any] = set()
    for kind, field, result in trees:
        here = (*path, kind, field)
        if "values" in result:
            found |= {(*here, key, _rounded(value)) for key, value in result["values"].items()}
            found |= leaves(result["inner"], here)
        for bucket in result.get("buckets", []):
            key = str(bucket["key"])
            found.add((*here, key, str(bucket["count"])))
            found |= leaves(bucket["inner"], (*here, key))
    return found


def _rounded(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, int | float) else json.dumps(value, sort_keys=True)
