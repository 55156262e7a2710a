"""What Elasticsearch has and OpenSearch has not, and the reverse.

The embedded engine speaks OpenSearch. Where bodies are written for Elasticsearch it would refuse what is right there
and accept what is gone there, so both are told apart before a body is run.

Not covered: scripts, which are never run; what a version of a server adds to its own dialect.
"""

from collections.abc import Iterator
from typing import Any

from thriftune.tasks.query_dsl.bodies import LEAVES, Fault, aggs_of
from thriftune.tasks.query_dsl.servers import ELASTICSEARCH, OPENSEARCH

_QUERIES = {
    ELASTICSEARCH: {"geo_grid", "kql", "semantic", "sparse_vector", "rule", "text_expansion", "weighted_tokens"},
    OPENSEARCH: {"neural", "neural_sparse", "hybrid", "xy_shape"},
}
_AGGREGATIONS = {
    ELASTICSEARCH: {"top_metrics", "frequent_item_sets", "categorize_text", "change_point", "t_test", "rate"},
    OPENSEARCH: set[str](),
}
_TOP_LEVEL = {"knn", "retriever", "sub_searches", "rank"}  # Elasticsearch's; the judge does not run them anywhere
_NAMES = {OPENSEARCH: "OpenSearch", ELASTICSEARCH: "Elasticsearch"}


def strange(body: dict[str, Any], written_for: str, run_on: str) -> Fault | None:
    """Return what keeps a body from being judged: a part that the server it is written for, or that runs it, lacks.

    Args:
        written_for, run_on: `opensearch` or `elasticsearch`.

    Returns:
        A fault `invalid` if the part is foreign to the server that the body is written for; `unsupported` if it is
        right there and only the engine at hand lacks it.
    """
    for owner, part in _parts(body):
        if owner != written_for:
            return Fault("invalid", f"[{part}] is {_NAMES[owner]}'s; {_NAMES[written_for]} does not have it")
        if owner != run_on or part in _TOP_LEVEL:
            return Fault("unsupported", f"[{part}] is {_NAMES[owner]}'s; the judge cannot run it here")
    if written_for == ELASTICSEARCH and any(_has_interval(kind, spec) for kind, spec in _aggregations(aggs_of(body))):
        known = "[calendar_interval] or [fixed_interval]"
        return Fault("invalid", f"[interval] of [date_histogram] is gone since Elasticsearch 8: use {known}")
    return None


def _parts(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (the one server that has it, name of the part)."""
    yield from ((ELASTICSEARCH, key) for key in body if key in _TOP_LEVEL)
    aggregations = list(_aggregations(aggs_of(body)))
    clauses = [kind for part in ("query", "post_filter") for kind in _clauses(body.get(part))]
    clauses += [kind for name, spec in aggregations for query in _filters(name, spec) for kind in _clauses(query)]
    for owner in _NAMES:
        yield from ((owner, kind) for kind in clauses if kind in _QUERIES[owner])
        yield from ((owner, kind) for kind, _ in aggregations if kind in _AGGREGATIONS[owner])
    fields = body.get("docvalue_fields")
    for entry in fields if isinstance(fields, list) else []:
        if isinstance(entry, dict) and "include_unmapped" in entry:
            yield ELASTICSEARCH, "include_unmapped"


def _filters(kind: str, spec: Any) -> list[Any]:
    """Return the queries of an aggregation; those of `filters` have names of the writer's own."""
    if kind != "filters" or not isinstance(spec, dict):
        return [spec] if kind == "filter" else []
    queries = spec.get("filters")
    return list(queries.values()) if isinstance(queries, dict) else queries if isinstance(queries, list) else []


def _clauses(value: Any) -> Iterator[str]:
    """Yield the keys of a query down to its leaves; below a leaf stand fields, which may have any name."""
    for item in value if isinstance(value, list) else [value]:
        for key, inner in item.items() if isinstance(item, dict) else []:
            yield key
            if key not in LEAVES:
                yield from _clauses(inner)


def _aggregations(aggs: Any) -> Iterator[tuple[str, Any]]:
    for spec in aggs.values() if isinstance(aggs, dict) else []:
        for kind, inner in spec.items() if isinstance(spec, dict) else []:
            if kind in ("aggs", "aggregations"):
                yield from _aggregations(inner)
            else:
                yield kind, inner


def _has_interval(kind: str, spec: Any) -> bool:
    return kind == "date_histogram" and isinstance(spec, dict) and "interval" in spec
