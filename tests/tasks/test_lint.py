"""Fields that the mapping does not have are named with the nearest one it has; nothing else is refused."""

import pytest
from hypothesis import given, settings

from thriftune.tasks.query_dsl.lint import lint

from .strange import json_values


def query(clause, **body):
    return {"query": clause, **body}


def aggs(**named):
    return {"size": 0, "aggs": named}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (query({"term": {"genre": "Horror"}}), "no field [genre] in [term], did you mean [genres]?"),
        (query({"match": {"titel": "crow"}}), "did you mean [title]?"),
        (query({"term": {"title.keyword": "The Line"}}), "no field [title.keyword] in [term]"),
        (query({"bool": {"must_not": [{"range": {"yaer": {"gt": 1}}}]}}), "did you mean [year]?"),
        (query({"bool": {"filter": {"terms": {"studio.nam": ["Orbit"]}}}}), "did you mean [studio.name]?"),
        (query({"exists": {"field": "ratings"}}), "no field [ratings] in [field], did you mean [rating]?"),
        (query({"nested": {"path": "casts", "query": {"match_all": {}}}}), "no field [casts] in [path]"),
        (query({"nested": {"path": "cast", "query": {"term": {"role": "lead"}}}}), "no field [role] in [term]"),
        (query({"multi_match": {"query": "crow", "fields": ["title^3", "plot^2"]}}), "no field [plot] in [fields]"),
        (query({"multi_match": {"query": "crow", "fields": ["plot.*"]}}), "no field matches [plot.*]"),
        (query({"geo_distance": {"distance": "5km", "place": {"lat": 1, "lon": 2}}}), "no field [place]"),
        (query({"term": {"type": "film"}}), "no field [type] in [term]"),
        ({"sort": "popularity"}, "no field [popularity] in [sort]"),
        ({"sort": [{"year": "asc"}, {"yeer": {"order": "desc"}}]}, "did you mean [year]?"),
        ({"post_filter": {"term": {"genre": "Horror"}}}, "did you mean [genres]?"),
        ({"collapse": {"field": "studio"}, "sort": "studios"}, "no field [studios]"),
        (aggs(a={"terms": {"field": "genre"}}), "did you mean [genres]?"),
        (aggs(a={"terms": {"field": "genres"}, "aggs": {"b": {"avg": {"field": "ratin"}}}}), "did you mean [rating]?"),
        (aggs(a={"filter": {"term": {"genre": "Horror"}}}), "did you mean [genres]?"),
        (aggs(a={"filters": {"filters": {"x": {"term": {"genre": "Horror"}}}}}), "did you mean [genres]?"),
        (aggs(a={"composite": {"sources": [{"terms": {"terms": {"field": "genre"}}}]}}), "did you mean [genres]?"),
        (aggs(a={"multi_terms": {"terms": [{"field": "genres"}, {"field": "yearr"}]}}), "did you mean [year]?"),
    ],
)
def test_an_unmapped_field_is_named_with_the_nearest_known_one(fields, body, said):
    fault = lint(body, fields)
    assert fault is not None and fault.kind == "unmapped_field"
    assert said in fault.detail


@pytest.mark.parametrize(
    ("key", "nearest"), [("querry", "query"), ("Size", "size"), ("aggregation", "aggregations"), ("zzz", None)]
)
def test_an_unknown_key_of_the_body(fields, key, nearest):
    fault = lint({key: {}}, fields)
    assert fault is not None and fault.kind == "invalid"
    assert f"unknown key [{key}]" in fault.detail
    assert f"did you mean [{nearest}]?" in fault.detail if nearest else "did you mean" not in fault.detail


@pytest.mark.parametrize(
    "body",
    [
        {},
        query({"term": {"_id": "f1"}}),
        query({"term": {"title.raw": {"value": "The Line", "boost": 2}}}),
        query({"term": {"path": "/films/1"}}),  # a field with the name of a parameter
        query({"terms": {"path": ["/films/1"], "boost": 1.5}}),
        query({"exists": {"field": "studio"}}),  # an object
        query({"exists": {"field": "cast"}}),
        query({"term": {"labels.shelf": "a"}}),  # the mapping does not list what flat objects hold
        query({"multi_match": {"query": "crow", "fields": ["tit*", "title.*", "*"]}}),
        query({"nested": {"path": "cast", "query": {"match": {"cast.name": "lee"}}}}),
        {"sort": ["_score", {"year": "desc"}, {"_geo_distance": {}}, "_doc"]},
        {"collapse": {"field": "path"}},
        {"version": True, "docvalue_fields": ["year"]},
        aggs(terms={"terms": {"field": "genres"}}),  # named as a clause
        aggs(field={"avg": {"field": "year"}}, range={"range": {"field": "year", "ranges": [{"to": 2000}]}}),
        aggs(f={"filters": {"filters": {"range": {"range": {"year": {"gt": 2000}}}, "match": {"match_all": {}}}}}),
        aggs(c={"composite": {"sources": [{"terms": {"terms": {"field": "genres"}}}]}}),
        aggs(t={"terms": {"field": "genres", "order": {"r": "desc"}}, "aggs": {"r": {"avg": {"field": "rating"}}}}),
        aggs(n={"nested": {"path": "cast"}, "aggs": {"r": {"terms": {"field": "cast.role"}}}}),
    ],
)
def test_what_is_right_passes(fields, body):
    assert lint(body, fields) is None


def test_what_passes_is_what_the_engine_finds_too(judge):
    assert judge.check(query({"term": {"path": "/films/1"}})).result.startswith("10 matches")
    assert judge.check(query({"term": {"labels.shelf": "a"}})).result.startswith("20 matches")
    named_as_a_clause = judge.check(aggs(terms={"terms": {"field": "genres", "size": 1}}))
    assert named_as_a_clause.valid and '"key": "\\"Drama\\""' in named_as_a_clause.result


@settings(max_examples=300, deadline=None)
@given(json_values(), json_values(), json_values())
def test_no_body_raises(fields, clause, sort, aggregations):
    lint({"query": clause, "sort": sort, "aggs": aggregations, "collapse": clause}, fields)


@pytest.mark.parametrize(
    ("body", "first"),
    [
        (query({"term": {"year": 1}, "match_all": {}}), "term"),
        (query({"bool": {"must": [{"match_all": {}}, {"range": {"year": {}}, "exists": {"field": "year"}}]}}), "range"),
        (query({"nested": {"path": "cast", "query": {"match_all": {}, "bool": {}}}}), "match_all"),
        (query({"constant_score": {"filter": {"term": {"year": 1}, "bool": {}}}}), "term"),
        ({"post_filter": {"dis_max": {"queries": [{"ids": {}, "bool": {}}]}}}, "ids"),
    ],
)
def test_of_two_queries_in_one_object_the_first_is_named(fields, body, first):
    fault = lint(body, fields)
    assert fault is not None and fault.kind == "invalid"
    assert fault.detail == f"[{first}] malformed query, expected [END_OBJECT] but found [FIELD_NAME]"
