"""Documents made from a gold body's literals: near them, indexable, the same every time, and telling."""

import copy
from urllib.request import urlopen

import pytest

from thriftune.tasks.query_dsl import answers, boundary


@pytest.fixture
def make(films):
    """Make the documents of a gold query on the films; `sample` are the real documents."""

    def run(query, sample=None, seed="s"):
        real = list(films.documents()) if sample is None else sample
        return list(boundary.documents({"query": query}, films.mapping, real, seed))

    return run


@pytest.fixture
def told_apart(engine, films, make):
    """Tell whether the documents of the first query give the two queries different answers."""

    def run(gold, other):
        sent = engine.load("made", boundary.open_mapping(films.mapping), make(gold), strict=False)
        assert sent == boundary.COUNT
        bodies = [{"query": gold}, {"query": other}]
        replies = engine.search("made", [answers.request(body) for body in bodies])
        left, right = (answers.read(body, reply) for body, reply in zip(bodies, replies, strict=True))
        assert not left.empty
        return not answers.same(left, right)

    return run


def values_at(documents, field):
    found = set()
    for document in documents:
        value = document.get(field)
        found |= set(value) if isinstance(value, list) else {value}
    return found


@pytest.mark.parametrize(
    ("query", "field", "near"),
    [
        ({"range": {"year": {"gte": 2005}}}, "year", {2004, 2005, 2006, None}),
        ({"range": {"year": {"gte": "2005", "lt": 2007.0}}}, "year", {2004, 2005, 2006, 2007, 2008}),
        ({"term": {"year": 2005}}, "year", {2004, 2005, 2006}),
        ({"range": {"votes": {"gt": 9007199254740993}}}, "votes", {9007199254740992, 9007199254740993}),
        ({"range": {"rating": {"lt": 7.5}}}, "rating", {7.4, 7.5, 7.6}),
        ({"term": {"colour": True}}, "colour", {True, False}),
        ({"terms": {"genres": ["Horror", "War"]}}, "genres", {"Horror", "War", "horror", None}),
        (
            {"match": {"title": {"query": "Glass House"}}},
            "title",
            {"Glass House", "Glass", "House Glass", "glass house"},
        ),
        ({"multi_match": {"query": "crow", "fields": ["title^2"]}}, "title", {"crow", "crow beta"}),
        ({"term": {"title.raw": "The Line"}}, "title", {"The Line", "The"}),
        ({"wildcard": {"genres": "Hor*r?"}}, "genres", {"Horxry"}),
        ({"wildcard": {"genres": 7}}, "genres", {"7"}),
        ({"exists": {"field": "path"}}, "path", {"alpha", None}),
        (
            {"range": {"released": {"gte": "2005-01-01"}}},
            "released",
            {"2005-01-01T00:00:00", "2004-12-31T23:59:59", "2005-01-01T00:00:01", "2005-01-02T00:00:00"},
        ),
        ({"range": {"released": {"gte": "2014-01-01T00:00:00Z||-1y"}}}, "released", {"2013-01-01T00:00:00"}),
        ({"range": {"released": {"lt": "9999-12-31"}}}, "released", {"9999-12-31T00:00:00", "9999-12-30T00:00:00"}),
        ({"range": {"released": {"gte": "1 May"}}}, "released", {"2010-06-15T00:00:00"}),
        ({"bool": {"must_not": [{"range": {"year": {"lte": 1999}}}]}}, "year", {1999, 2000, 1998}),
    ],
)
def test_values_lie_at_the_literals(make, query, field, near):
    assert near <= values_at(make(query), field)


def test_the_documents_are_the_same_for_the_same_seed(make):
    query = {"bool": {"filter": [{"term": {"genres": "Drama"}}, {"range": {"year": {"gte": 2005}}}]}}
    assert make(query) == make(query) != make(query, seed="t")
    assert len({document["_id"] for document in make(query)}) == boundary.COUNT


def test_the_real_documents_are_left_as_they_are(make, films):
    real = copy.deepcopy(list(films.documents()))
    make({"term": {"studio.name": "Orbit"}}, real)
    assert real == list(films.documents())


def test_other_fields_come_from_real_documents(make, films):
    titles = {document["title"] for document in films.documents()}
    assert {document["title"] for document in make({"term": {"year": 2005}})} <= titles


def test_arrays_are_made_only_where_real_documents_have_them(make):
    query = {"bool": {"filter": [{"range": {"year": {"gte": 2005}}}, {"term": {"genres": "Drama"}}]}}
    assert not any(isinstance(document.get("year"), list) for document in make(query))
    assert any(isinstance(document.get("genres"), list) for document in make(query))
    assert any(isinstance(document.get("year"), list) for document in make(query, sample=[]))


def test_fields_of_objects_are_put_into_them(make):
    studios = [document.get("studio", {}) for document in make({"term": {"studio.name": "Orbit"}})]
    assert {"Orbit", "orbit", "gamma"} <= {studio.get("name") for studio in studios}
    assert {"UK", "USA"} <= {studio.get("country") for studio in studios}


def test_nested_objects_vary_together(make):
    inner = [{"term": {"cast.name.raw": "Ann Lee"}}, {"range": {"cast.age": {"gte": 40}}}]
    documents = make({"nested": {"path": "cast", "query": {"bool": {"filter": inner}}}})
    people = [person for document in documents for person in document["cast"]]
    assert {(person.get("name"), person.get("age")) for person in people} >= {("Ann Lee", 40), ("Ann Lee", 39)}
    assert {len(document["cast"]) for document in documents} == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("gold", "wrong"),
    [
        ({"range": {"year": {"gte": 2005}}}, {"range": {"year": {"gt": 2005}}}),
        ({"range": {"stars": {"lte": 127}}}, {"range": {"stars": {"lt": 127}}}),  # 128 is no byte
        ({"range": {"votes": {"gte": 0}}}, {"match_all": {}}),
        ({"range": {"rating": {"gte": 7.5}}}, {"range": {"rating": {"gte": 7.6}}}),
        ({"range": {"released": {"lt": "2005-01-01"}}}, {"range": {"released": {"lte": "2005-01-01"}}}),
        (
            {"range": {"released": {"gte": "2014-01-01T00:00:00Z||-1y"}}},
            {"range": {"released": {"gt": "2014-01-01T00:00:00Z||-1y"}}},
        ),
        (  # a date format of its own, in which ISO dates are not written
            {"range": {"added": {"gte": "2005-01-01 00:00:00"}}},
            {"range": {"added": {"gt": "2005-01-01 00:00:00"}}},
        ),
        ({"terms": {"genres": ["Drama", "War"]}}, {"term": {"genres": "Drama"}}),
        ({"match_phrase": {"title": "glass house"}}, {"match": {"title": {"query": "glass house", "operator": "and"}}}),
        ({"match": {"title": "glass house"}}, {"match": {"title": {"query": "glass house", "operator": "and"}}}),
        ({"prefix": {"genres": "Dram"}}, {"term": {"genres": "Dram"}}),
        ({"exists": {"field": "rating"}}, {"exists": {"field": "year"}}),
        (
            {"nested": {"path": "cast", "query": {"term": {"cast.name.raw": "Ann Lee"}}}},
            {"nested": {"path": "cast", "query": {"match": {"cast.name": "Ann Lee"}}}},
        ),
        (
            {"bool": {"must_not": {"term": {"genres": "War"}}}},
            {"bool": {"must_not": {"terms": {"genres": ["War", "gamma"]}}}},
        ),
    ],
)
def test_a_nearly_right_query_is_told_apart(told_apart, gold, wrong):
    assert told_apart(gold, wrong)
    assert not told_apart(gold, gold)


def test_a_made_document_that_the_mapping_refuses_is_left_out(engine, films):
    documents = [{"_id": "1", "stars": 128}, {"_id": "2", "stars": 127}]
    assert engine.load("made", films.mapping, documents, strict=False) == 2
    reply = engine.search("made", [{"query": {"match_all": {}}}])[0]
    assert [hit["_id"] for hit in reply["hits"]["hits"]] == ["2"]
    with pytest.raises(Exception, match=r"index made, document 1: .*stars"):
        engine.load("made", films.mapping, documents)


def test_a_judgement_leaves_no_index_behind(engine, judge):
    judge({"query": {"term": {"year": 2005}}}, {"query": {"term": {"year": "2005"}}})
    with urlopen(f"{engine.url}/_cat/indices") as reply:
        assert b"thriftune-boundary" not in reply.read()
