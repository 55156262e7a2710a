"""A fault says where in the body it lies."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.records import Question
from thriftune.tasks.query_dsl.places import located, places

BODY = {"query": {"bool": {"filter": [{"term": {"genres": "War"}}, {"range": {"yaer": {"gte": 1990}}}]}}}


def test_paths_of_keys_and_values():
    assert list(places(BODY, "yaer")) == ["query.bool.filter[1].range.yaer"]
    assert list(places(BODY, "War")) == ["query.bool.filter[0].term.genres"]
    assert list(places(BODY, "1990")) == ["query.bool.filter[1].range.yaer.gte"]


def test_the_rarest_name_tells_the_place():
    said = located("no field [yaer] in [range], did you mean [year]?", BODY | {"sort": ["range"]})
    assert said == "no field [yaer] in [range], did you mean [year]? (at query.bool.filter[1].range.yaer)"


def test_a_sentence_that_names_nothing_of_the_body_stays():
    assert located("[1:12] query malformed, empty clause found", {"query": {}}) == (
        "[1:12] query malformed, empty clause found"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"query": {"matchh": {"title": "x"}}}, "(at query.matchh)"),
        ({"query": {"bool": {"mustt": []}}}, "(at query.bool.mustt)"),
        ({"query": {"term": {"genre": "War"}}}, "did you mean [genres]? (at query.term.genre)"),
        ({"query": {"bool": {"filter": [{"term": {"year": "abc"}}]}}}, "(at query.bool.filter[0].term.year)"),
        ({"query": {"range": {"released": {"gte": "January"}}}}, "(at query.range.released.gte)"),
        ({"query": {"range": {"year": {"greater": 1}}}}, "(at query.range.year.greater)"),
        ({"query": {"match": {"title": {"query": "x", "operatr": "and"}}}}, "(at query.match.title.operatr)"),
        ({"aggs": {"by": {"termz": {"field": "genres"}}}}, "(at aggs.by.termz)"),
        ({"query": {"match": {"title": "x"}, "term": {"year": 1}}}, "(at query.match)"),
        ({"querry": {"match_all": {}}}, "did you mean [query]? (at querry)"),
    ],
)
def test_what_the_engine_refuses_is_placed(task, body, said):
    question = Question(id="q", collection="films", text="?", meaning="q")
    verdict = task.check(question, json.dumps(body))
    assert not verdict.valid and said in verdict.detail, verdict.detail


@given(
    st.text(max_size=60),
    st.recursive(st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)),
)
def test_no_sentence_raises(sentence, body):
    assert located(sentence, body).startswith(sentence)
