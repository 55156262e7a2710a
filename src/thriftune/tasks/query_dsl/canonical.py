"""One spelling for equal bodies: shorthand expanded, defaults dropped, order removed where it has no meaning.

Two bodies with the same form return the same answer; the converse does not hold. Rules:

1. `aggregations` is `aggs`; aggregation names are replaced by their content's order; presentation keys are dropped.
2. Shorthand is long form: `{"term": {f: v}}` → `{"term": {f: {"value": v}}}`, `"sort": "f"` → `[{f: {"order": "asc"}}]`.
3. Defaults are dropped (operator or, boost 1, slop 0, from 0, size 10, terms size 10, …).
4. `bool`: a single clause is a list; lists are sorted, repeats dropped; a `bool` inside a `filter` or `must` that only
   has the same list is flattened; a bool of one `must` or `filter` is that clause where scores do not count.
5. Values have the type of their field: `"3"` → 3 on numbers, 3 → `"3"` on keywords.
6. Where scores cannot be seen (a sort other than by score, or size 0) `must` is `filter`; one-element `terms` is `term`;
   `match` on a field that is not text is `term`.
"""

import json
from typing import Any

from thriftune.tasks.query_dsl.mapping import FieldType, fields_of

_VALUE = {"term": "value", "prefix": "value", "wildcard": "value", "regexp": "value", "fuzzy": "value"}
_QUERY = {"match": "query", "match_phrase": "query", "match_phrase_prefix": "query", "match_bool_prefix": "query"}
_DEFAULTS: dict[str, Any] = {
    **{"operator": "or", "boost": 1, "slop": 0, "prefix_length": 0, "max_expansions": 50, "lenient": False},
    **{"fuzzy_transpositions": True, "zero_terms_query": "none", "case_insensitive": False, "time_zone": "UTC"},
}
_PRESENTATION = {"highlight", "timeout", "explain", "track_scores", "track_total_hits", "version", "_source", "fields"}
_LISTS = ("must", "filter", "should", "must_not")


def form(body: dict[str, Any], mapping: dict[str, Any]) -> str:
    """Return the canonical form as text; equal texts mean equal answers."""
    return json.dumps(canonical(body, mapping), sort_keys=True, ensure_ascii=False)


def canonical(body: dict[str, Any], mapping: dict[str, Any]) -> dict[str, Any]:
    """Return the canonical form of a body that the engine accepts."""
    fields = fields_of(mapping)
    scored = not (body.get("size") == 0 or _sorts(body))
    out: dict[str, Any] = {}
    if "query" in body:
        query = _query(body["query"], fields, scored)
        if query != {"match_all": {}}:
            out["query"] = query
    aggs = body.get("aggs") or body.get("aggregations")
    if aggs:
        out["aggs"] = _aggs(aggs, fields)
    if _sorts(body):
        out["sort"] = [_sort(entry) for entry in _list(body["sort"])]
    for key, value in body.items():
        if key not in ("query", "aggs", "aggregations", "sort", *_PRESENTATION) and (key, value) not in (
            ("from", 0),
            ("size", 10),
        ):
            out[key] = value
    return out


def _sorts(body: dict[str, Any]) -> bool:
    sort = body.get("sort")
    return bool(sort) and sort not in ("_score", ["_score"], [{"_score": "desc"}], [{"_score": {"order": "desc"}}])


def _sort(entry: Any) -> dict[str, Any]:
    if isinstance(entry, str):
        return {entry: {"order": "desc" if entry == "_score" else "asc"}}
    ((name, value),) = entry.items()
    value = {"order": value} if isinstance(value, str) else dict(value)
    value.setdefault("order", "asc")
    if value.get("missing") == "_last":
        del value["missing"]
    return {name: value}


def _query(query: Any, fields: dict[str, FieldType], scored: bool) -> Any:
    if not isinstance(query, dict) or len(query) != 1:
        return query
    ((clause, inner),) = query.items()
    if clause == "bool" and isinstance(inner, dict):
        return _bool(inner, fields, scored)
    if clause == "nested" and isinstance(inner, dict):
        rest = {key: value for key, value in inner.items() if key != "query"}
        if rest.get("score_mode") == "avg":
            del rest["score_mode"]
        return {"nested": {**rest, "query": _query(inner.get("query"), fields, scored)}}
    if clause == "constant_score" and not scored and isinstance(inner, dict) and "filter" in inner:
        return _query(inner["filter"], fields, scored)
    if clause in _VALUE or clause in _QUERY:
        return _leaf(clause, inner, fields, scored)
    if clause == "terms" and isinstance(inner, dict):
        return _terms(inner, fields, scored)
    if clause == "range" and isinstance(inner, dict):
        return {"range": {name: _range(bounds, fields.get(name)) for name, bounds in inner.items()}}
    return {clause: _without_defaults(inner)}


def _leaf(clause: str, inner: Any, fields: dict[str, FieldType], scored: bool) -> Any:
    if not isinstance(inner, dict) or len(inner) != 1:
        return {clause: inner}
    ((name, value),) = inner.items()
    key = _VALUE.get(clause) or _QUERY[clause]
    value = _without_defaults(value if isinstance(value, dict) else {key: value})
    kind = fields[name].type if name in fields else "text"
    if (
        clause in ("match", "match_phrase")
        and kind not in ("text", "search_as_you_type")
        and set(value) == {"query"}
        and not scored
    ):
        clause, key, value = "term", "value", {"value": value["query"]}
    if key in value and clause in ("term", "match"):
        value[key] = _typed(value[key], kind)
    return {clause: {name: value}}


def _terms(inner: dict[str, Any], fields: dict[str, FieldType], scored: bool) -> Any:
    inner = _without_defaults(inner)
    if len(inner) != 1:
        return {"terms": inner}
    ((name, values),) = inner.items()
    if not isinstance(values, list):
        return {"terms": inner}
    kind = fields[name].type if name in fields else "text"
    unique = {json.dumps(_typed(value, kind), sort_keys=True) for value in values}
    typed = [json.loads(text) for text in sorted(unique)]
    if len(typed) == 1 and not scored:
        return {"term": {name: {"value": typed[0]}}}
    return {"terms": {name: typed}}


def _range(bounds: Any, field: FieldType | None) -> Any:
    if not isinstance(bounds, dict):
        return bounds
    kind = field.type if field else "text"
    return {key: _typed(value, kind) for key, value in _without_defaults(bounds).items()}


def _bool(inner: dict[str, Any], fields: dict[str, FieldType], scored: bool) -> Any:
    lists = {
        name: [_query(item, fields, scored and name in ("must", "should")) for item in _list(inner.get(name, []))]
        for name in _LISTS
    }
    if not scored:
        lists["filter"] += lists.pop("must")
    rest = _without_defaults({key: value for key, value in inner.items() if key not in _LISTS})
    for name in ("filter", "must", "must_not"):
        if name in lists:
            lists[name] = _flat(lists[name], name)
    if lists["should"] and rest.get("minimum_should_match") in (1, "1"):
        rest["minimum_should_match"] = 1
        if not lists.get("must") and not lists["filter"]:
            del rest["minimum_should_match"]
    kept = {name: _sorted(items) for name, items in lists.items() if items}
    if not kept:
        return {"match_all": {}}
    if not rest and not scored and set(kept) == {"filter"} and len(kept["filter"]) == 1:
        return kept["filter"][0]
    if not rest and set(kept) == {"must"} and len(kept["must"]) == 1:
        return kept["must"][0]
    return {"bool": {**kept, **rest}}


def _flat(items: list[Any], name: str) -> list[Any]:
    """An AND inside an AND is one AND; `must_not` inside `must_not` is another thing and stays."""
    out = []
    for item in items:
        inner = item.get("bool") if isinstance(item, dict) else None
        if name != "must_not" and isinstance(inner, dict) and set(inner) == {name}:
            out += inner[name]
        else:
            out.append(item)
    return out


def _aggs(aggs: dict[str, Any], fields: dict[str, FieldType]) -> Any:
    if any(
        "buckets_path" in json.dumps(spec) or ('"order": {' in json.dumps(spec) and "_" not in str(spec))
        for spec in aggs.values()
    ):
        return aggs  # names are referred to, so they have a meaning
    specs = []
    for spec in aggs.values():
        out = {}
        for key, value in spec.items():
            if key in ("aggs", "aggregations"):
                out["aggs"] = value if _refers(spec, value) else _aggs(value, fields)
            elif key == "filter":
                out[key] = _query(value, fields, False)
            elif key != "meta":
                out[key] = _aggregation(key, value)
        specs.append(out)
    return _sorted(specs)


def _refers(spec: dict[str, Any], inner: dict[str, Any]) -> bool:
    """Whether the outer aggregation orders by an inner one, by name."""
    order = json.dumps([value.get("order") for value in spec.values() if isinstance(value, dict)])
    return any(f'"{name}' in order for name in inner)


def _aggregation(kind: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    value = dict(value)
    defaults = {"size": 10, "min_doc_count": 1, "order": {"_count": "desc"}} if kind == "terms" else {}
    if kind in ("histogram", "date_histogram"):
        defaults = {"min_doc_count": 0, "order": {"_key": "asc"}}
    return {key: item for key, item in value.items() if key not in defaults or defaults[key] != item}


def _without_defaults(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        item = item.lower() if key == "operator" and isinstance(item, str) else item
        if key != "_name" and not (key in _DEFAULTS and _DEFAULTS[key] == item):
            out[key] = item
    return out


def _typed(value: Any, kind: str) -> Any:
    if kind == "keyword" and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    if kind in ("integer", "long", "short", "byte", "float", "double") and isinstance(value, str):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return value
    return value


def _sorted(items: list[Any]) -> list[Any]:
    return [json.loads(text) for text in sorted({json.dumps(item, sort_keys=True) for item in items})]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
