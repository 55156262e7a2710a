"""A body is parsed as strictly as a server parses it, within limits, and never with an exception."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from thriftune.tasks.query_dsl import bodies
from thriftune.tasks.query_dsl.bodies import Fault

from .strange import json_values


def nested(levels: int) -> str:
    return '{"bool":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("", "not_json", "Expecting value"),
        ("GET /films/_search", "not_json", "Expecting value"),
        ('{"size": 1,}', "not_json", "line 1"),
        ("{'size': 1}", "not_json", "double quotes"),
        ('{"size": 1} {"size": 2}', "not_json", "Extra data"),
        ('```json\n{"size": 1}\n```', "not_json", "Expecting value"),
        ("\ufeff{}", "not_json", "BOM"),
        ("[]", "not_json", "not list"),
        ('"size"', "not_json", "not str"),
        ("null", "not_json", "not NoneType"),
        ('{"size": 1, "size": 2}', "not_json", "duplicate key 'size'"),
        ('{"query": {"range": {"year": {"gte": 1, "lt": 2, "gte": 3}}}}', "not_json", "duplicate key 'gte'"),
        ('{"min_score": NaN}', "not_json", "NaN is not JSON"),
        ('{"min_score": -Infinity}', "not_json", "-Infinity is not JSON"),
        ('{"min_score": 1e999}', "not_json", "too large"),
        ('{"size": ' + "9" * 5000 + "}", "not_json", "digits"),
        ('{"query": {"term": {"title": "\\ud83d"}}}', "not_json", "surrogates"),
        ('{"\\udc00": 1}', "not_json", "surrogates"),
        (nested(41), "limit:depth", "deeper than 40"),
        (nested(2_000), "limit:depth", "nested"),
        ("[" * 9_900 + "]" * 9_900, "limit:depth", "nested too deeply"),
        (nested(100_000), "limit:size", "at most 20000"),
        ("[" * 100_000, "limit:size", "at most 20000"),
        ('{"a": "' + "x" * 1_000_000 + '"}', "limit:size", "1000009 characters"),
        ('{"query": {"script": {"script": "true"}}}', "limit:script", "[script]"),
        (
            '{"sort": {"_script": {"type": "number", "script": {"source": "1"}}}}',
            "limit:script",
            "scripts are never run",
        ),
        ('{"aggs": {"a": {"terms": {"field": "f", "script": "1"}}}}', "limit:script", "[script]"),
        ('{"aggs": {"a": {"scripted_metric": {"map_script": "1"}}}}', "limit:script", "[scripted_metric]"),
        ('{"runtime_mappings": {"x": {"type": "long"}}}', "limit:script", "[runtime_mappings]"),
        (
            '{"query": {"terms_set": {"f": {"terms": ["a"], "minimum_should_match_script": {"source": "1"}}}}}',
            "limit:script",
            "[minimum_should_match_script]",
        ),
        ('{"query": {"wrapper": {"query": "eyJtYXRjaF9hbGwiOnt9fQ=="}}}', "limit:script", "[wrapper]"),
        ('{"query": {"terms": {"f": {"index": "payroll", "id": "1", "path": "names"}}}}', "limit:index", "looked up"),
        ('{"query": {"more_like_this": {"like": [{"_index": "payroll", "_id": "1"}]}}}', "limit:index", "looked up"),
        (json.dumps({"query": {"bool": {"should": [{"term": {"a": 1}}] * 257}}}), "limit:clauses", "at most 256"),
        (
            json.dumps({"query": {"bool": {"should": [{"exists": {"field": "a"}}] * 257}}}),
            "limit:clauses",
            "257 clauses",
        ),
        ('{"size": 10001}', "limit:results", "results end at 10000"),
        ('{"size": "9000", "from": 1001.0}', "limit:results", "the page ends at 10001"),
    ],
)
def test_what_is_no_body_is_a_fault(text, kind, said):
    fault = bodies.parse(text)
    assert isinstance(fault, Fault), fault
    assert fault.kind == kind and said in fault.detail
    assert len(fault.detail) < 300


@pytest.mark.parametrize(
    "body", [{}, {"size": 0}, {"query": {"match": {"title": "Æon 🎬 שלום"}}}, {"min_score": 1e300}]
)
def test_a_body_is_read_as_it_is(body):
    assert bodies.parse(json.dumps(body)) == body
    assert bodies.parse(json.dumps(body, ensure_ascii=False, indent=2)) == body


def test_the_limits_are_inclusive():
    assert not isinstance(bodies.parse(nested(39)), Fault)
    frame = '{"a": ""}'
    text = frame.replace('""', '"' + "x" * (bodies.MAX_CHARACTERS - len(frame)) + '"')
    assert len(text) == bodies.MAX_CHARACTERS
    assert not isinstance(bodies.parse(text), Fault)
    assert isinstance(bodies.parse(text + " "), Fault)


@settings(max_examples=500, deadline=None)
@given(
    st.text()
    | st.text('{}[]":,0123456789eE+-.\\udnatrufls \n')
    | json_values().map(json.dumps)
    | st.builds(lambda value, cut: json.dumps(value)[:cut], json_values(), st.integers(0, 200))
)
@example("\x00")
@example('{"a": 1e+999999999999}')
def test_no_text_raises(text):
    found = bodies.parse(text)
    assert isinstance(found, Fault | dict)
    if isinstance(found, dict):
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()  # can be sent and stored
        assert isinstance(bodies.families(found), tuple) and list(bodies.fields_named(found)) is not None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"query": {"term": {"genres": "Horror"}}}, {"filter"}),
        ({"query": {"match": {"title": "crow"}}}, {"full text"}),
        ({"query": {"prefix": {"title.raw": "The"}}}, {"pattern"}),
        ({"query": {"bool": {"must_not": {"exists": {"field": "rating"}}}}}, {"negation", "exists"}),
        ({"query": {"bool": {"should": [{"range": {"year": {"gt": 1}}}]}}}, {"alternatives", "range"}),
        ({"query": {"range": {"released": {"gte": "now-1y"}}}}, {"range", "date math"}),
        ({"query": {"range": {"released": {"gte": "2000-01-01||/y"}}}}, {"range", "date math"}),
        ({"query": {"match": {"title": "known snow"}}}, {"full text"}),
        ({"query": {"nested": {"path": "cast", "query": {"match_all": {}}}}}, {"nested"}),
        ({"sort": "year", "size": 3}, {"sort", "top n"}),
        ({"from": 10, "_source": ["title"]}, {"page", "fields"}),
        ({"size": 0}, {"count"}),
        ({"size": 0, "aggs": {"a": {"avg": {"field": "year"}}}}, {"aggregation"}),
        (
            {"aggregations": {"a": {"terms": {"field": "year"}, "aggregations": {"b": {"avg": {"field": "year"}}}}}},
            {"aggregation", "sub-aggregation"},
        ),
    ],
)
def test_families(body, expected):
    assert set(bodies.families(body)) == expected


def test_of_two_names_for_aggregations_the_last_counts():
    assert bodies.aggs_of({"aggs": {"a": 1}, "aggregations": {"b": 2}}) == {"b": 2}
    assert bodies.aggs_of({"size": 0}) == {}
