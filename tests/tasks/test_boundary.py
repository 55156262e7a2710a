"""Documents made from a gold body's literals: near them, indexable, the same every time, and telling."""

import copy
from urllib.request import urlopen

import pytest

from thriftune.tasks.query_dsl import answers, boundary, sets


@pytest.fixture
def make(films):
    """Make the documents of a gold query on the films; `sample` are the real documents."""

    def run(query, sample=None, seed="s"):
        real = list(films.documents()) if sample is None else sample
        return list(boundary.documents({"query": query}, films.mapping, real, seed))

    return run


@pytest.fixture
def make_for(films):
    """Make the documents of a whole body."""
    return lambda body: list(boundary.documents(body, films.mapping, list(films.documents()), "s"))


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
    made = [document.get("title") for document in make({"term": {"year": 2005}})]
    assert set(made) <= {*titles, None}
    assert 0 < made.count(None) < 30, "now and then a field is left out"


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
        ({"range": {"rating": {"gt": 7.5}}}, {"range": {"rating": {"gte": 7.6}}}),  # 7.55
        ({"range": {"rating": {"lt": 7.25}}}, {"range": {"rating": {"lte": 7.24}}}),
        ({"term": {"year": 2005}}, {"bool": {"filter": [{"term": {"year": 2005}}, {"exists": {"field": "path"}}]}}),
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


def boundary_indices(engine):
    with urlopen(f"{engine.url}/_cat/indices") as reply:
        return reply.read().decode().count("thriftune-boundary")


def test_the_sets_last_used_stay_and_no_more(engine, films, monkeypatch):
    monkeypatch.setattr(sets, "KEPT", 3)
    made, before = sets.BoundarySets(engine), boundary_indices(engine)
    sample, loaded = list(films.documents()), []
    load = engine.load
    monkeypatch.setattr(engine, "load", lambda index, *rest, **more: loaded.append(index) or load(index, *rest, **more))
    for year in (2001, 2002, 2003, 2004, 2004, 2003):
        gold, other = {"query": {"term": {"year": year}}}, {"query": {"term": {"year": str(year)}}}
        assert made.same("films", gold, other, films.mapping, sample)
    assert len(loaded) == 4, "a set that is there is not made again"
    assert boundary_indices(engine) == before + 3


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"query": {"term": {"year": 1}}}, {"_id", "year"}),
        ({"query": {"term": {"title.raw": "x"}}, "sort": "rating"}, {"_id", "title", "rating"}),
        ({"query": {"nested": {"path": "cast", "query": {"exists": {"field": "cast.age"}}}}}, {"_id", "cast", "path"}),
        ({"aggs": {"a": {"terms": {"field": "studio.name"}}}}, {"_id", "studio"}),
    ],
)
def test_only_fields_that_a_body_may_read_are_indexed(films, body, read):
    assert sets.fields_read(films.mapping, body, {}) == read


@pytest.mark.parametrize(
    ("body", "more"),
    [
        ({"query": {"query_string": {"query": "crow"}}}, {}),
        ({"query": {"multi_match": {"query": "crow", "fields": ["tit*"]}}}, {}),
        ({"query": {"exists": {"field": "st*"}}}, {}),
        ({"query": {"term": {"all": "crow"}}}, {"all": {"type": "text", "copy_to": "title"}}),
        ({"query": {"term": {"when": 2}}}, {"when": {"type": "alias", "path": "year"}}),
    ],
)
def test_all_fields_are_indexed_where_that_is_not_known(films, body, more):
    properties = {**films.mapping["properties"], **more}
    assert sets.fields_read({"properties": properties}, body) == {*properties, "_id"}


WIDE = [
    {"term": {"genres": "Drama"}},
    {"term": {"colour": True}},
    {"range": {"year": {"gte": 2000, "lt": 2010}}},
    {"range": {"votes": {"gt": 1000}}},
    {"term": {"studio.country": "USA"}},
    {"range": {"rating": {"gte": 7}}},
]


@pytest.mark.parametrize("left_out", range(len(WIDE)))
def test_each_of_many_conditions_is_missed(told_apart, left_out):
    every, fewer = WIDE, WIDE[:left_out] + WIDE[left_out + 1 :]
    assert told_apart({"bool": {"filter": every}}, {"bool": {"filter": fewer}})


def test_aggregated_and_sorting_fields_vary_too(make_for, films):
    known = {document.get("path") for document in films.documents()}
    made = make_for({"size": 0, "aggs": {"a": {"terms": {"field": "path"}}}})
    assert values_at(made, "path") > known - {None}, "another bucket than the real ones"
    assert None in {document.get("year") for document in make_for({"sort": "year"})}


def test_points_are_not_taken_apart():
    mapping = {"properties": {"at": {"properties": {"place": {"type": "geo_point"}, "name": {"type": "keyword"}}}}}
    real = [{"_id": "1", "at": {"place": {"lat": 1.0, "lon": 2.0}, "name": "x"}}]
    places = [document.get("at", {}).get("place") for document in boundary.documents({}, mapping, real, "s")]
    assert {str(place) for place in places} == {"None", "{'lat': 1.0, 'lon': 2.0}"}
