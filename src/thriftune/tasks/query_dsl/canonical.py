"""One spelling for equal bodies: shorthand expanded, defaults dropped, order removed where it has no meaning.

Two bodies with the same form return the same answer; the converse does not hold. Rules:

1. `aggregations` is `aggs`, a sorted list without names; a name stays where an `order`, a `buckets_path` or a
   `bucket_sort` refers to it. Presentation keys are dropped.
2. Shorthand is long form: `{"term": {f: v}}` → `{"term": {f: {"value": v}}}`, `"sort": "f"` →
   `[{f: {"order": "asc"}}]`.
3. Defaults are dropped (operator or, boost 1, slop 0, from 0, size 10, terms size 10, …).
4. `bool`: a single clause is a list; lists are sorted; repeats are dropped where they do not count, as in a `filter`;
   a `bool` inside a `filter` or `must` that only has the same list is flattened; a bool of one `must` or `filter` is
   that clause where scores do not count.
5. Values have the type of their field: `"3"` → 3 on numbers, 3 → `"3"` on keywords.
6. Where scores cannot be seen (a sort without the score, or size 0) `must` is `filter`; one-element `terms` is `term`;
   `match` on a field that is not text is `term`.
"""

import json
import re
from typing import Any

from thriftune.tasks.query_dsl.bodies import aggs_of, sorts_of
from thriftune.tasks.query_dsl.mapping import FieldType, fields_of

_VALUE = {"term": "value", "prefix": "value", "wildcard": "value", "regexp": "value", "fuzzy": "value"}
_QUERY = {"match": "query", "match_phrase": "query", "match_phrase_prefix": "query", "match_bool_prefix": "query"}
_DEFAULTS: dict[str, Any] = {
    **{"operator": "or", "boost": 1, "slop": 0, "prefix_length": 0, "max_expansions": 50, "lenient": False},
    **{"fuzzy_transpositions": True, "zero_terms_query": "none", "case_insensitive": False, "time_zone": "UTC"},
}
_PRESENTATION = {
    *("highlight", "timeout", "explain", "track_scores", "track_total_hits", "version", "_source", "fields"),
    *("stored_fields", "docvalue_fields", "seq_no_primary_term", "profile", "stats"),
}
_ANALYSED = {"text", "search_as_you_type", "match_only_text"}
_LISTS = ("must", "filter", "should", "must_not")


def form(body: dict[str, Any], mapping: dict[str, Any]) -> str:
    """Return the canonical form as text; equal texts mean equal answers."""
    return json.dumps(canonical(body, mapping), sort_keys=True, ensure_ascii=False)


def canonical(body: dict[str, Any], mapping: dict[str, Any]) -> dict[str, Any]:
    """Return the canonical form of a body that the engine accepts."""
    fields = fields_of(mapping)
    aggs, sorts = aggs_of(body), _sorts(body)
    out: dict[str, Any] = {}
    if "query" in body:
        query = _query(body["query"], fields, _scored(body, sorts))
        if query != {"match_all": {}}:
            out["query"] = query
    if aggs:
        out["aggs"] = _aggs(aggs, fields, _referred(aggs))
    if sorts:
        out["sort"] = sorts
    for key, value in body.items():
        if key not in ("query", "aggs", "aggregations", "sort", *_PRESENTATION) and (key, value) != ("from", 0):
            out[key] = value
    if not aggs and out.get("size") == 10:  # beside aggregations a size says that documents are wanted too
        del out["size"]
    return out


def _scored(body: dict[str, Any], sorts: list[dict[str, Any]]) -> bool:
    """Whether scores show in the answer: in the order, in what is kept, or in an aggregation of best hits."""
    hidden = body.get("size") == 0 or (sorts and not any("_score" in entry for entry in sorts))
    return not hidden or "min_score" in body or "top_hits" in json.dumps(aggs_of(body))


def _sorts(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the sort as a list of `{field: {order, …}}`; empty where it is the default, the score."""
    sorts = [{name: _sort(name, how)} for entry in sorts_of(body) for name, how in entry.items()]
    return [] if sorts == [{"_score": {"order": "desc"}}] else sorts


def _sort(name: str, given: Any) -> dict[str, Any]:
    value: dict[str, Any] = {"order": given} if isinstance(given, str) else dict(given)
    value["order"] = str(value.get("order", "desc" if name == "_score" else "asc")).lower()
    if value.get("missing") == "_last":
        del value["missing"]
    return value


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
    if clause in ("match", "match_phrase") and kind not in _ANALYSED and set(value) == {"query"} and not scored:
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
    counted = {"must", "should"} if scored or "minimum_should_match" in rest else set()
    kept = {name: _sorted(items, repeats=name in counted) for name, items in lists.items() if items}
    if not scored:
        rest.pop("boost", None)
    if not kept:
        return {"match_all": {"boost": rest["boost"]} if "boost" in rest else {}}
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


def _aggs(aggs: dict[str, Any], fields: dict[str, FieldType], referred: set[str]) -> Any:
    specs = []
    for name, spec in aggs.items():
        out = {"name": name} if name in referred else {}
        for key, value in spec.items():
            if key in ("aggs", "aggregations"):
                out["aggs"] = _aggs(value, fields, referred)
            elif key == "filter":
                out[key] = _query(value, fields, False)
            elif key != "meta":
                out[key] = _aggregation(key, value)
        specs.append(out)
    return _sorted(specs, repeats=True)


def _referred(aggs: dict[str, Any]) -> set[str]:
    """Return the names that an `order`, a `buckets_path` or a `bucket_sort` anywhere in the tree refers to."""
    names: set[str] = set()
    for spec in aggs.values():
        names |= _referred(aggs_of(spec))
        for kind, value in spec.items():
            if kind not in ("aggs", "aggregations", "meta") and isinstance(value, dict):
                entries = [value.get("order"), value.get("buckets_path"), kind == "bucket_sort" and value.get("sort")]
                names |= {part for path in _paths(entries) for part in re.split(r"[>.\[\]]", path)}
    return names


def _paths(value: Any) -> list[str]:
    """Paths in a reference: itself, the keys of `{path: direction}`, the values of `{variable: path}`."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [path for item in value for path in _paths(item)]
    if isinstance(value, dict):
        return [*value, *(path for item in value.values() for path in _paths(item))]
    return []


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


def _sorted(items: list[Any], repeats: bool = False) -> list[Any]:
    texts = [json.dumps(item, sort_keys=True) for item in items]
    return [json.loads(text) for text in sorted(texts if repeats else set(texts))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
