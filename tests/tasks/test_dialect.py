"""What one kind of server has and the other has not is told apart before a body is run."""

import json

import pytest
from hypothesis import given, settings

from thriftune.tasks.query_dsl.dialect import strange
from thriftune.tasks.query_dsl.task import QueryDsl

from .conftest import Judge
from .strange import json_values

OPEN, ELASTIC = "opensearch", "elasticsearch"


def query(clause):
    return {"query": {"bool": {"filter": [clause]}}}


def aggs(kind, **more):
    return {"size": 0, "aggs": {"outer": {"terms": {"field": "genres"}, "aggs": {"a": {kind: more}}}}}


ONLY_ELASTIC = {
    "top_metrics": aggs("top_metrics", metrics={"field": "year"}, sort={"year": "desc"}),
    "frequent_item_sets": aggs("frequent_item_sets", fields=[{"field": "genres"}]),
    "geo_grid": query({"geo_grid": {"place": {"geohash": "u0"}}}),
    "kql": query({"kql": {"query": "year > 2000"}}),
    "include_unmapped": {"docvalue_fields": [{"field": "year", "include_unmapped": True}]},
    "knn": {"knn": {"field": "v", "query_vector": [1], "k": 1}},
}
ONLY_OPEN = {
    "neural": query({"neural": {"title": {"query_text": "x"}}}),
    "hybrid": {"query": {"hybrid": {"queries": []}}},
}
INTERVAL = aggs("date_histogram", field="released", interval="month")


@pytest.mark.parametrize("part", ONLY_ELASTIC)
def test_what_only_elasticsearch_has(part):
    foreign = strange(ONLY_ELASTIC[part], OPEN, OPEN)
    assert foreign.kind == "invalid" and f"[{part}] is Elasticsearch's; OpenSearch does not have it" in foreign.detail
    right = strange(ONLY_ELASTIC[part], ELASTIC, OPEN)
    assert right.kind == "unsupported" and f"[{part}]" in right.detail
    run = strange(ONLY_ELASTIC[part], ELASTIC, ELASTIC)
    assert run.kind == "unsupported" if part == "knn" else run is None


@pytest.mark.parametrize("part", ONLY_OPEN)
def test_what_only_opensearch_has(part):
    assert strange(ONLY_OPEN[part], ELASTIC, OPEN).kind == "invalid"
    assert strange(ONLY_OPEN[part], OPEN, OPEN) is None


def test_what_elasticsearch_gave_up():
    gone = strange(INTERVAL, ELASTIC, OPEN)
    assert gone.kind == "invalid" and "use [calendar_interval] or [fixed_interval]" in gone.detail
    assert strange(INTERVAL, OPEN, OPEN) is None
    assert strange(aggs("histogram", field="year", interval=5), ELASTIC, ELASTIC) is None
    assert strange(aggs("date_histogram", field="released", calendar_interval="month"), ELASTIC, OPEN) is None


@pytest.mark.parametrize(
    "body",
    [
        query({"term": {"kql": "a field"}}),
        query({"match": {"neural": {"query": "a field"}}}),
        {"size": 0, "aggs": {"top_metrics": {"avg": {"field": "year"}}}},
        {"size": 0, "aggs": {"rate": {"filters": {"filters": {"hybrid": {"match_all": {}}}}}}},
        {"sort": ["kql"], "docvalue_fields": ["year"]},
    ],
)
def test_names_of_the_writers_own_are_no_parts(body):
    for written_for in (OPEN, ELASTIC):
        assert strange(body, written_for, OPEN) is None


def test_a_filter_of_an_aggregation_is_looked_into():
    body = {"size": 0, "aggs": {"f": {"filter": {"kql": {"query": "x"}}}}}
    assert strange(body, OPEN, OPEN).kind == "invalid"


@settings(max_examples=200, deadline=None)
@given(json_values(), json_values())
def test_no_body_raises(clause, aggregations):
    strange({"query": clause, "aggs": aggregations, "docvalue_fields": clause}, ELASTIC, OPEN)


def test_bodies_for_elasticsearch_are_judged_on_the_embedded_engine(engine, films):
    judge = Judge(QueryDsl(engine, engine, {"films": films}, written_for=ELASTIC))
    assert judge.check({"query": {"term": {"genres": "Horror"}}}).valid
    assert judge.check(INTERVAL).fault == "invalid"
    unjudged = judge({"query": {"match_all": {}}}, ONLY_ELASTIC["top_metrics"])
    assert (unjudged.fault, unjudged.execution_match, unjudged.robust_match) == ("unsupported", None, None)
    assert Judge(QueryDsl(engine, engine, {"films": films})).check(INTERVAL).valid
    assert judge.check(json.dumps({"runtime_mappings": {}})).fault == "limit:script"
