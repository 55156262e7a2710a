"""A search body as text and as data: parsing under limits, the fields it names, its families."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from thriftune.tasks.query_dsl.dates import is_date_math

MAX_CHARACTERS = 20_000
MAX_DEPTH = 40
MAX_CLAUSES = 256
MAX_RESULTS = 10_000
_SCRIPTS = {
    "script",
    "script_score",
    "script_fields",
    "scripted_metric",
    "bucket_script",
    "bucket_selector",
    "runtime_mappings",
    "minimum_should_match_script",
    "wrapper",  # a query in base64, which may hide a script
}
LEAVES = {
    *("term", "terms", "range", "match", "match_phrase", "match_phrase_prefix", "match_bool_prefix"),
    *("prefix", "wildcard", "regexp", "fuzzy", "geo_distance", "geo_bounding_box"),
}
_CLAUSES = LEAVES | {"exists", "ids", "match_all", "multi_match", "query_string", "simple_query_string", "nested"}
_PARAMETERS = {"boost", "_name"}  # what stands beside the field in a leaf clause
_GEO_PARAMETERS = {"distance", "distance_type", "validation_method", "ignore_unmapped", "type", "unit"}
TOP_LEVEL = {
    *("query", "from", "size", "sort", "_source", "track_total_hits", "aggs", "aggregations", "post_filter"),
    *(
        "min_score",
        "collapse",
        "search_after",
        "highlight",
        "timeout",
        "explain",
        "track_scores",
        "fields",
        "stored_fields",
        "docvalue_fields",
        "version",
        "seq_no_primary_term",
        "profile",
        "stats",
    ),
}


@dataclass(frozen=True)
class Fault:
    """What is wrong with a body: a kind such as `not_json` or `limit:script`, and a sentence."""

    kind: str
    detail: str


def parse(text: str) -> dict[str, Any] | Fault:
    """Parse a body as strictly as a server does: one object, no repeated keys, no NaN, within the limits."""
    if len(text) > MAX_CHARACTERS:
        return Fault("limit:size", f"{len(text)} characters; at most {MAX_CHARACTERS} are accepted")
    try:
        body = json.loads(text, object_pairs_hook=_no_repeats, parse_constant=_no_constant, parse_float=_finite)
        json.dumps(body, ensure_ascii=False).encode()  # half of a surrogate pair can be neither sent nor stored
    except RecursionError:
        return Fault("limit:depth", "nested too deeply to parse")
    except ValueError as error:
        return Fault("not_json", str(error))
    if not isinstance(body, dict):
        return Fault("not_json", f"a JSON object is expected, not {type(body).__name__}")
    if _depth(body) > MAX_DEPTH:
        return Fault("limit:depth", f"nested deeper than {MAX_DEPTH}")
    return _over_a_limit(body) or body


def _over_a_limit(body: dict[str, Any]) -> Fault | None:
    clauses = 0
    for spec in dicts_of(body):
        for key in spec:
            if key in _SCRIPTS:
                return Fault("limit:script", f"[{key}] is not allowed: scripts are never run")
            clauses += key in _CLAUSES
        if _reads_elsewhere(spec):
            return Fault("limit:index", "a document of an index is looked up: only the collection asked is read")
    if clauses > MAX_CLAUSES:
        return Fault("limit:clauses", f"{clauses} clauses; at most {MAX_CLAUSES} are accepted")
    size, start = whole(body.get("size", 10)), whole(body.get("from", 0))
    if min(size, start) >= 0 and size + start > MAX_RESULTS:  # what is no number is the engine's to refuse
        return Fault("limit:results", f"the page ends at {size + start}; results end at {MAX_RESULTS}")
    return None


def whole(value: Any) -> int:
    """Return a number as servers read it, who also take `"5"` and `5.0`; -1, which they refuse, for anything else."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return -1


def _reads_elsewhere(spec: dict[str, Any]) -> bool:
    """A terms lookup, an indexed shape, a document to be like or to percolate: they may name any index."""
    named = [spec[key] for key in ("index", "_index") if isinstance(spec.get(key), str)]
    return bool(named) and any(key in spec for key in ("id", "_id"))


def aggs_of(spec: dict[str, Any]) -> Any:
    """Return the aggregations of a body or of an aggregation, under either name; of both, servers take the last."""
    found = [spec[key] for key in spec if key in ("aggs", "aggregations")]
    return found[-1] if found else {}


def sorts_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sort as a list of `{field: how}`, one field an entry: in this form it has an order everywhere.

    Servers take the fields of one object as they stand; the embedded engine takes them in any order.
    """
    entries = [{entry: {}} if isinstance(entry, str) else entry for entry in _as_list(body.get("sort", []))]
    return [{name: how} for entry in entries if isinstance(entry, dict) for name, how in entry.items()]


def fields_named(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (clause, field) for every field that the body names."""
    yield from (("sort", name) for entry in sorts_of(body) for name in entry if not name.startswith("_"))
    for part in ("query", "post_filter", "collapse"):
        yield from _named(body.get(part, {}))
    yield from _named_in_aggs(aggs_of(body))


def families(body: dict[str, Any]) -> tuple[str, ...]:
    """Return the clause families of a body, for the tables that say where the errors are."""
    keys = set(_keys(body))
    query, aggs = body.get("query"), aggs_of(body)
    inner = [spec for spec in dicts_of(aggs) if "aggs" in spec or "aggregations" in spec] if aggs else []
    tests = {
        "full text": keys
        & {"match", "match_phrase", "multi_match", "match_phrase_prefix", "query_string", "simple_query_string"},
        "pattern": keys & {"prefix", "wildcard", "regexp", "fuzzy"},
        "negation": "must_not" in keys,
        "alternatives": "should" in keys,
        "range": "range" in keys and query,
        "date math": any(is_date_math(text) for text in _strings(body)),
        "exists": keys & {"exists", "missing"},
        "nested": "nested" in keys,
        "geo": keys & {"geo_distance", "geo_bounding_box"},
        "sort": "sort" in body,
        "top n": "sort" in body and "size" in body and not aggs,
        "page": "from" in body,
        "fields": "_source" in body,
        "count": body.get("size") == 0 and not aggs,
        "aggregation": bool(aggs),
        "sub-aggregation": bool(inner),
    }
    found = tuple(name for name, holds in tests.items() if holds)
    return found or ("filter",)


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """Fields named in a query or in the parameters of an aggregation; what lies below a field is its value."""
    if isinstance(value, list):
        for item in value:
            yield from _named(item)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in LEAVES and isinstance(inner, dict):
            parameters = _PARAMETERS | _GEO_PARAMETERS if key.startswith("geo") else _PARAMETERS
            yield from ((key, name) for name in inner if name not in parameters)
        elif key in ("field", "path") and isinstance(inner, str):
            yield key, inner
        elif key == "fields" and isinstance(inner, list):
            yield from (("fields", name.split("^")[0]) for name in inner if isinstance(name, str))
        else:
            yield from _named(inner)


def _named_in_aggs(aggs: Any) -> Iterator[tuple[str, str]]:
    """The same in a tree of aggregations, whose names are the writer's own: one may be called `terms`."""
    for spec in aggs.values() if isinstance(aggs, dict) else []:
        for kind, inner in spec.items() if isinstance(spec, dict) else []:
            if kind in ("aggs", "aggregations"):
                yield from _named_in_aggs(inner)
            elif kind == "filters" and isinstance(inner, dict):
                named = inner.get("filters")
                yield from _named(list(named.values()) if isinstance(named, dict) else named)
            elif kind == "composite" and isinstance(inner, dict):
                for source in _as_list(inner.get("sources")):
                    yield from _named_in_aggs(source)
            elif kind != "meta":
                yield from _named(inner)


def dicts_of(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a value, itself first."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from dicts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from dicts_of(item)


def _keys(value: Any) -> Iterator[str]:
    for spec in dicts_of(value):
        yield from spec


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _depth(value: Any) -> int:
    deepest, layer = 0, [value]
    while layer:  # breadth first: a deep value cannot overflow the stack
        deepest += 1
        layer = [
            item
            for outer in layer
            for item in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
    return deepest


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate key {next(name for name in names if names.count(name) > 1)!r}")
    return body


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
