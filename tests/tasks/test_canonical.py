"""Equal bodies have one form; bodies that differ have different ones; the form means what the body means."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.tasks.query_dsl import answers
from thriftune.tasks.query_dsl.canonical import canonical, form


def q(query, **body):
    return {"query": query, **body}


def aggs(**named):
    return {"size": 0, "aggs": named}


A, B, C = {"term": {"genres": "Drama"}}, {"term": {"genres": "Crime"}}, {"range": {"year": {"gte": 2005}}}
MEAN = {"avg": {"field": "rating"}}
TERMS = {"terms": {"field": "genres"}}
BY_YEAR = {"sort": [{"year": "desc"}]}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ({}, q({"match_all": {}}, size=10, **{"from": 0})),
        (q({"term": {"genres": "Drama"}}), q({"term": {"genres": {"value": "Drama", "boost": 1.0}}})),
        (q({"match": {"title": "x"}}), q({"match": {"title": {"query": "x", "operator": "OR", "_name": "n"}}})),
        (q({"prefix": {"path": "/f"}}), q({"prefix": {"path": {"value": "/f"}}})),
        (q({"bool": {"filter": [A, C]}}), q({"bool": {"filter": [C, A, A]}})),
        (q({"bool": {"must": A}}), q(A)),
        (q({"bool": {"must": [{"bool": {"must": [A, B]}}, C]}}), q({"bool": {"must": [C, B, A]}})),
        (q({"bool": {"should": [A, B], "minimum_should_match": 1}}), q({"bool": {"should": [B, A]}})),
        (q({"bool": {}}), {}),
        (q({"terms": {"genres": ["a", "b"]}}), q({"terms": {"genres": ["b", "a", "b"]}})),
        (q({"term": {"year": "2005"}}), q({"term": {"year": 2005}})),
        (q({"term": {"genres": 7}}), q({"term": {"genres": "7"}})),
        (q({"term": {"colour": "true"}}), q({"term": {"colour": True}})),
        (q({"range": {"rating": {"gte": "7.5"}}}), q({"range": {"rating": {"gte": 7.5}}})),
        ({"sort": "year"}, {"sort": [{"year": {"order": "asc", "missing": "_last"}}]}),
        ({"sort": {"year": "DESC"}}, {"sort": [{"year": {"order": "desc"}}]}),
        ({"sort": {"year": "asc", "votes": "desc"}}, {"sort": [{"year": "asc"}, {"votes": "desc"}]}),
        ({"sort": "_score"}, {}),
        ({"sort": [{"_score": {}}]}, {}),
        ({**q(A), "_source": ["title"], "track_total_hits": True, "highlight": {"fields": {}}}, q(A)),
        # where scores cannot be seen
        (q({"bool": {"must": [A], "filter": [C]}}, size=0), q({"bool": {"filter": [A, C]}}, size=0)),
        (q({"bool": {"must": [A, C]}}, **BY_YEAR), q({"bool": {"filter": [C, A]}}, **BY_YEAR)),
        (q({"match": {"genres": "Drama"}}, **BY_YEAR), q({"terms": {"genres": ["Drama"]}}, **BY_YEAR)),
        (q({"constant_score": {"filter": A}}, size=0), q(A, size=0)),
        # aggregations
        (aggs(a=TERMS), {"size": 0, "aggregations": {"other": TERMS}}),
        (aggs(a=TERMS, b=MEAN), aggs(x=MEAN, y=TERMS)),
        (aggs(a={**TERMS, "aggs": {"m": MEAN}}), aggs(b={**TERMS, "aggregations": {"n": MEAN}, "meta": {"x": 1}})),
        (aggs(a=TERMS), aggs(a={"terms": {"field": "genres", "size": 10, "order": {"_count": "desc"}}})),
        (
            aggs(a={"terms": {"field": "genres", "order": {"_key": "asc"}}}),
            aggs(b={"terms": {"field": "genres", "order": {"_key": "asc"}}}),
        ),
        (
            aggs(a={"histogram": {"field": "year", "interval": 5}}),
            aggs(a={"histogram": {"field": "year", "interval": 5, "min_doc_count": 0}}),
        ),
        (aggs(a={"filter": {"bool": {"must": A}}}), aggs(a={"filter": A})),
        (  # the name of what is referred to stays, that of what refers does not matter
            aggs(a={"terms": {"field": "genres", "order": {"m": "desc"}}, "aggs": {"m": MEAN}}),
            aggs(b={"terms": {"field": "genres", "order": {"m": "desc"}}, "aggs": {"m": MEAN}}),
        ),
        (
            aggs(y={**TERMS, "aggs": {"m": MEAN}}, top={"max_bucket": {"buckets_path": "y>m"}}),
            aggs(best={"max_bucket": {"buckets_path": "y>m"}}, y={**TERMS, "aggs": {"m": MEAN}}),
        ),
    ],
)
def test_equal_bodies_have_one_form(fields, films, left, right):
    assert form(left, films.mapping) == form(right, films.mapping)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (q(A), q(B)),
        (q(A), {}),
        (q({"bool": {"must": [A, B]}}), q({"bool": {"should": [A, B]}})),
        (q({"bool": {"must": [A]}}), q({"bool": {"must_not": [A]}})),
        (q({"bool": {"must": [A]}}), q({"bool": {"filter": [A]}})),  # scores are seen
        (
            q({"bool": {"filter": [C], "should": [A]}}),
            q({"bool": {"filter": [C], "should": [A], "minimum_should_match": 1}}),
        ),
        (q({"bool": {"must_not": [{"bool": {"must_not": [A]}}]}}), q({"bool": {"must_not": [A]}})),
        (q({"range": {"year": {"gte": 5}}}), q({"range": {"year": {"gt": 5}}})),
        (q({"range": {"year": {"gte": 5}}}), q({"range": {"year": {"gte": 6}}})),
        (q({"range": {"year": {"gte": 5}}}), q({"range": {"votes": {"gte": 5}}})),
        (q({"match": {"title": "x"}}, size=0), q({"term": {"title": "x"}}, size=0)),
        (q({"match": {"title": "x y"}}), q({"match": {"title": {"query": "x y", "operator": "and"}}})),
        (q({"nested": {"path": "cast", "query": A}}), q(A)),
        (q(A), q(A, size=5)),
        (q(A), q(A, size=0)),
        (q(A, size=5), q(A, size=5, **{"from": 5})),
        ({"sort": "year"}, {"sort": [{"year": "desc"}]}),
        ({"sort": "year"}, {"sort": ["year", "votes"]}),
        ({"sort": ["year", "votes"]}, {"sort": ["votes", "year"]}),
        ({"sort": "year"}, {"sort": {"year": {"missing": "_first"}}}),
        ({"sort": [{"_score": "asc"}]}, {}),
        # scores are seen after all: in the first key, in what is kept, in the best hits
        (
            q({"bool": {"must": [A, C]}}, sort=["_score", "year"]),
            q({"bool": {"filter": [A, C]}}, sort=["_score", "year"]),
        ),
        (q({"bool": {"must": [A]}}, min_score=1, size=0), q({"bool": {"filter": [A]}}, min_score=1, size=0)),
        (
            q({"bool": {"must": [A]}}, **aggs(a={"top_hits": {"size": 1}})),
            q({"bool": {"filter": [A]}}, **aggs(a={"top_hits": {"size": 1}})),
        ),
        # repeats that count
        (
            q({"bool": {"should": [A, A, B], "minimum_should_match": 2}}, size=0),
            q({"bool": {"should": [A, B], "minimum_should_match": 2}}, size=0),
        ),
        (q({"bool": {"should": [A, A, B]}}), q({"bool": {"should": [A, B]}})),
        # aggregations
        (aggs(a=TERMS), aggs(a={"terms": {"field": "path"}})),
        (aggs(a=TERMS), aggs(a={"terms": {"field": "genres", "size": 5}})),
        (aggs(a=TERMS), aggs(a=TERMS, b=MEAN)),
        (aggs(a=TERMS), aggs(a=TERMS, b=TERMS)),
        (aggs(a=TERMS, b=MEAN), aggs(a={**TERMS, "aggs": {"b": MEAN}})),
        (aggs(a=TERMS), aggs(a={"terms": {"field": "genres", "order": {"_key": "asc"}}})),
        ({"aggs": {"a": TERMS}}, {"aggs": {"a": TERMS}, "size": 10}),  # are documents asked for?
        (
            aggs(
                a={
                    "terms": {"field": "genres", "order": {"m": "desc"}},
                    "aggs": {"m": MEAN, "n": {"max": {"field": "votes"}}},
                }
            ),
            aggs(
                a={
                    "terms": {"field": "genres", "order": {"n": "desc"}},
                    "aggs": {"m": MEAN, "n": {"max": {"field": "votes"}}},
                }
            ),
        ),
        (
            aggs(a=TERMS, b={"terms": {"field": "path"}}, t={"max_bucket": {"buckets_path": "a>_count"}}),
            aggs(b=TERMS, a={"terms": {"field": "path"}}, t={"max_bucket": {"buckets_path": "a>_count"}}),
        ),
        (
            aggs(a={**TERMS, "aggs": {"m": MEAN, "s": {"bucket_sort": {"sort": [{"m": "desc"}], "size": 1}}}}),
            aggs(a={**TERMS, "aggs": {"n": MEAN, "s": {"bucket_sort": {"sort": [{"m": "desc"}], "size": 1}}}}),
        ),
    ],
)
def test_different_bodies_have_different_forms(films, left, right):
    assert form(left, films.mapping) != form(right, films.mapping)


def test_a_name_stays_only_where_something_refers_to_it(films):
    inner = {"m": MEAN, "n": {"max": {"field": "votes"}}}
    ordered = canonical(
        aggs(a={"terms": {"field": "genres", "order": [{"m": "desc"}, {"_key": "asc"}]}, "aggs": inner}), films.mapping
    )
    assert ordered["aggs"] == [
        {
            "terms": {"field": "genres", "order": [{"m": "desc"}, {"_key": "asc"}]},
            "aggs": [{"avg": {"field": "rating"}, "name": "m"}, {"max": {"field": "votes"}}],
        }
    ]
    within = aggs(
        y={**TERMS, "aggs": {"f": {"filter": A, "aggs": inner}}}, t={"sum_bucket": {"buckets_path": "y>f>m.value"}}
    )
    piped, years = canonical(within, films.mapping)["aggs"]
    if "name" in piped:
        piped, years = years, piped
    assert piped == {"sum_bucket": {"buckets_path": "y>f>m.value"}}
    assert years["name"] == "y" and years["aggs"][0]["name"] == "f"
    assert [spec.get("name") for spec in years["aggs"][0]["aggs"]] == ["m", None]


# bodies as people write them, in all their spellings

FIELD_VALUES = {
    "genres": ["Drama", "Horror", "Crime", "Opera", 7],
    "year": [1999, 2005, "2008", 2013],
    "stars": [2, 3, 5, "4"],
    "rating": [6.4, "7.1", 8],
    "colour": [True, "false"],
    "studio.country": ["USA", "UK"],
    "path": ["/films/1", "/films/2"],
}


@st.composite
def leaves(draw):
    kind = draw(
        st.sampled_from(["term", "terms", "range", "match", "text", "phrase", "exists", "prefix", "ids", "all"])
    )
    field = draw(st.sampled_from(list(FIELD_VALUES)))
    value = draw(st.sampled_from(FIELD_VALUES[field]))
    word = draw(st.sampled_from(["crow", "the road", "glass house", "harbor lights"]))
    if kind == "term":
        return {"term": {field: draw(st.sampled_from([value, {"value": value}, {"value": value, "boost": 2}]))}}
    if kind == "terms":
        return {"terms": {field: draw(st.lists(st.sampled_from(FIELD_VALUES[field]), min_size=1, max_size=4))}}
    if kind == "range":
        number = draw(st.sampled_from(["year", "stars", "rating"]))
        bounds = {draw(st.sampled_from(["gt", "gte"])): draw(st.sampled_from(FIELD_VALUES[number]))}
        return {"range": {number: bounds | draw(st.sampled_from([{}, {"lte": 2012}, {"boost": 1}]))}}
    if kind == "match":
        return {"match": {field: draw(st.sampled_from([value, {"query": value}]))}}
    if kind == "text":
        more = draw(
            st.sampled_from([{}, {"operator": "AND"}, {"operator": "or"}, {"fuzziness": 1, "prefix_length": 0}])
        )
        return {"match": {"title": {"query": word, **more}}}
    if kind == "phrase":
        return {
            "match_phrase": {
                "title": draw(st.sampled_from([word, {"query": word, "slop": 0}, {"query": word, "slop": 2}]))
            }
        }
    return {
        "exists": {"exists": {"field": "rating"}},
        "prefix": {"prefix": {"title.raw": {"value": "the", "case_insensitive": draw(st.booleans())}}},
        "ids": {"ids": {"values": ["f1", "f2", "f30"]}},
        "all": {"match_all": {}},
    }[kind]


def branches(inner):
    clauses = st.lists(inner, max_size=3) | inner
    optional = {name: clauses for name in ("must", "filter", "should", "must_not")}
    optional |= {"minimum_should_match": st.sampled_from([0, 1, "1", 2, "50%"]), "boost": st.sampled_from([1, 1.0, 2])}
    return (
        st.fixed_dictionaries({}, optional=optional).map(lambda clause: {"bool": clause})
        | inner.map(lambda clause: {"constant_score": {"filter": clause}})
        | st.sampled_from(["avg", "max"]).map(
            lambda mode: {
                "nested": {
                    "path": "cast",
                    "score_mode": mode,
                    "query": {"bool": {"must": {"term": {"cast.role": "lead"}}}},
                }
            }
        )
    )


QUERIES = st.recursive(leaves(), branches, max_leaves=6)
METRICS = st.sampled_from(
    [
        MEAN,
        {"max": {"field": "votes"}},
        {"cardinality": {"field": "path"}},
        {"top_hits": {"size": 2, "sort": "title.raw"}},
    ]
)
ORDERS = st.sampled_from(
    [{}, {"order": {"_count": "desc"}}, {"order": {"_key": "asc"}}, {"size": 3}, {"min_doc_count": 1}]
)


@st.composite
def aggregations(draw):
    named = draw(st.dictionaries(st.sampled_from(["a", "b", "m", "year"]), METRICS, max_size=2))
    kind = draw(st.sampled_from(["terms", "by a metric", "histogram", "filter", "none"]))
    inner = {"aggs": named} if named else {}
    if kind == "terms":
        return {"t": {"terms": {"field": "genres", **draw(ORDERS)}, **inner}, **named}
    if kind == "by a metric":
        terms = {
            "field": "studio.country",
            "order": draw(st.sampled_from([{"m": "desc"}, [{"m": "asc"}, {"_key": "asc"}]])),
        }
        pipe = {"p": {"max_bucket": {"buckets_path": "t>m"}}} if draw(st.booleans()) else {}
        return {"t": {"terms": terms, "aggs": {**named, "m": MEAN}}, **pipe}
    if kind == "histogram":
        return {
            "h": {
                "histogram": {"field": "year", "interval": 5, "min_doc_count": draw(st.sampled_from([0, 1]))},
                **inner,
            }
        }
    if kind == "filter":
        return {"f": {"filter": draw(QUERIES), **inner}, **named}
    return named


SORTS = st.sampled_from(
    [
        "year",
        ["year", "_score"],
        ["_score", {"title.raw": "desc"}],
        {"rating": {"missing": "_first"}},
        "_score",
        {"year": "desc", "title.raw": "asc"},
        [{"votes": {"order": "desc", "missing": "_last"}}],
        [{"_score": "asc"}],
        [],
    ]
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "query": QUERIES,
        "aggs": aggregations(),
        "sort": SORTS,
        "size": st.sampled_from([0, 3, 10, 40]),
        "from": st.sampled_from([0, 2]),
        "min_score": st.just(0.5),
        "_source": st.just(["title"]),
    },
)


def as_body(value):
    """A canonical form as a body that runs: aggregations get names again where they have none."""
    body = dict(value)
    if "aggs" in body:
        named = ({"name": f"n{place}", **spec} for place, spec in enumerate(body["aggs"]))
        body["aggs"] = {spec.pop("name"): as_body(spec) for spec in named}
    return body


@settings(max_examples=250, deadline=None)
@given(BODIES)
def test_the_form_answers_what_the_body_answers(engine, films, body):
    made = as_body(canonical(body, films.mapping))
    replies = engine.search("films", [body, answers.request(body), made, answers.request(made)])
    if not isinstance(replies[0], dict):
        assert not isinstance(replies[2], dict), replies[0]
        return
    assert isinstance(replies[2], dict), (made, replies[2])
    expected, got = answers.read(body, replies[1]), answers.read(made, replies[3])
    assert answers.same(expected, got) and answers.same(got, expected), answers.difference(expected, got)
    if expected.hits_asked and body.get("size") != 0 and not expected.sorted_:  # the order is by score
        scores, made_scores = ({hit["_id"]: hit["_score"] for hit in replies[at]["hits"]["hits"]} for at in (1, 3))
        assert made_scores == pytest.approx(scores, rel=1e-5)


@settings(max_examples=250, deadline=None)
@given(BODIES)
def test_the_form_of_a_form_is_itself(films, body):
    once = canonical(body, films.mapping)
    assert canonical(as_body(once), films.mapping) == once


@settings(max_examples=150, deadline=None)
@given(BODIES, st.randoms(use_true_random=False))
def test_the_order_of_keys_has_no_meaning(films, body, chance):
    def shuffled(value):
        if isinstance(value, dict):
            keys = list(value)
            chance.shuffle(keys)
            return {key: value[key] if key == "sort" else shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    assert form(shuffled(body), films.mapping) == form(body, films.mapping)
