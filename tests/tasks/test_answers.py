"""What a body returned on the engine, and when two answers are the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.tasks.query_dsl.answers import difference, f1, same

ALL = {"query": {"match_all": {}}}
DRAMA = {"query": {"term": {"genres": "Drama"}}}
HORROR = {"query": {"term": {"genres": "Horror"}}}
NOTHING = {"query": {"term": {"genres": "Opera"}}}


def aggs(**named):
    return {"size": 0, "aggs": named}


def by_country(**more):
    return {"terms": {"field": "studio.country", **more}}


class TestReading:
    def test_all_matches_are_read_whatever_the_page(self, ask):
        answer = ask({**DRAMA, "size": 3, "from": 2})
        assert len(answer.ids) == answer.total == 13
        assert (answer.page, answer.cut, answer.empty) == ((2, 5), True, False)

    def test_a_page_as_servers_read_it(self, ask):
        assert ask({**DRAMA, "size": "3", "from": 2.0}).page == (2, 5)
        assert ask(DRAMA).page == (0, 10)

    def test_nothing(self, ask):
        answer = ask(NOTHING)
        assert answer.empty and not answer.cut and answer.summary() == "0 matches"

    @pytest.mark.parametrize(
        ("body", "asked"),
        [
            ({}, True),
            ({"size": 0}, True),
            ({"aggs": {}}, True),
            (aggs(a=by_country()), False),
            ({"aggs": {"a": by_country()}}, False),
            ({"size": 5, "aggs": {"a": by_country()}}, True),
        ],
    )
    def test_documents_are_asked_for_unless_aggregations_are(self, ask, body, asked):
        assert ask(body).hits_asked is asked

    def test_the_summary_is_for_people(self, ask):
        assert ask({**HORROR, "sort": "year"}).summary() == "4 matches: f2, f3, f4, f27…"
        assert ask(aggs(a={"avg": {"field": "year"}})).summary().startswith("avg(year) {")


class TestHits:
    def test_an_answer_is_the_same_as_itself(self, ask):
        for body in (ALL, DRAMA, NOTHING, {**DRAMA, "sort": "year", "size": 3}, aggs(a=by_country())):
            assert same(ask(body), ask(body)) and f1(ask(body), ask(body)) == 1

    def test_the_limit_is_compared_where_it_cuts(self, ask):
        nine, ten, hundred, none = ask(*({**DRAMA, **size} for size in ({"size": 9}, {"size": 10}, {"size": 100}, {})))
        assert same(ten, none) and same(none, ten)
        assert same(none, hundred)  # all, where no limit is asked for
        assert not same(nine, ten) and not same(none, nine)
        assert difference(none, nine) == "page 0–9 instead of 0–10"

    def test_a_limit_above_the_matches_does_not_count(self, ask):
        assert same(ask({**HORROR, "size": 20}), ask({**HORROR, "size": 500}))

    def test_showing_nothing_answers_a_count_only(self, ask):
        count, shown = ask({**DRAMA, "size": 0}, DRAMA)
        assert same(count, shown)  # the number is there
        assert not same(shown, count)

    def test_order_counts_where_the_gold_sorts(self, ask):
        up, down, any_order = ask({**DRAMA, "sort": "year"}, {**DRAMA, "sort": [{"year": "desc"}]}, DRAMA)
        assert not same(up, down) and difference(up, down) == "same documents in another order"
        assert same(any_order, up) and same(any_order, down)

    def test_the_fields_of_one_sort_object_count_in_their_order(self, ask):
        for _ in range(5):
            one, listed = ask(
                {"sort": {"year": "desc", "votes": "asc"}}, {"sort": [{"year": "desc"}, {"votes": "asc"}]}
            )
            assert same(listed, one)

    def test_a_page_by_score_compares_all_matches(self, ask):
        assert same(ask({**DRAMA, "size": 3}), ask({"query": {"bool": {"filter": DRAMA["query"]}}, "size": 3}))
        assert not same(ask({**DRAMA, "size": 3}), ask({**ALL, "size": 3}))

    def test_missing_and_superfluous_matches_are_counted(self, ask):
        drama, horror = ask(DRAMA, HORROR)
        assert difference(drama, horror) == "13 matches missing, 4 too many (of 13)"
        assert f1(drama, horror) == 0
        assert f1(horror, ask({"query": {"terms": {"genres": ["Horror", "Family"]}}})) == 2 * 4 / (4 + 6)

    def test_documents_are_not_an_aggregation(self, ask):
        hits, buckets = ask(DRAMA, {**DRAMA, **aggs(a=by_country())})
        assert not same(hits, buckets) and difference(hits, buckets) == "returns no documents"
        assert not same(buckets, hits) and difference(buckets, hits).startswith("aggregations differ")

    def test_both_are_compared_where_both_are_asked(self, ask):
        both = {"size": 5, "aggs": {"a": by_country()}}
        assert same(ask({**DRAMA, **both}), ask({**DRAMA, **both}))
        assert not same(ask({**DRAMA, **both}), ask({**DRAMA, **both, "size": 0}))
        assert not same(ask({**DRAMA, **both}), ask({**DRAMA, "size": 5}))

    @settings(max_examples=60, deadline=None)
    @given(st.integers(1, 20), st.integers(0, 20), st.sampled_from(["year", "votes", "stars"]), st.booleans())
    def test_ties_are_free_at_any_page(self, ask, size, start, field, missing_first):
        """Whatever breaks the ties, the page is as right."""
        first = {field: {"order": "desc", "missing": "_first" if missing_first else "_last"}}
        page = {"size": size, "from": start}
        one, two, three = ask(
            {**page, "sort": [first]},
            {**page, "sort": [first, {"title.raw": "asc"}]},
            {**page, "sort": [first, {"title.raw": "desc"}]},
        )
        assert same(one, two) and same(one, three)


class TestAggregations:
    @pytest.mark.parametrize(
        ("gold", "other"),
        [
            (aggs(a=by_country()), aggs(b=by_country())),
            (aggs(a={"avg": {"field": "rating"}}), aggs(a={"avg": {"field": "rating"}, "meta": {"unit": "stars"}})),
            (
                aggs(a={"composite": {"sources": [{"c": by_country()}]}}),
                aggs(b={"composite": {"sources": [{"country": by_country()}]}}),
            ),
            (
                aggs(a={"top_hits": {"size": 2, "sort": ["title.raw"], "_source": ["title"]}}),
                aggs(a={"top_hits": {"size": 2, "sort": ["title.raw"]}}),
            ),
            (
                aggs(a={"date_histogram": {"field": "released", "calendar_interval": "year"}}),
                aggs(a={"date_histogram": {"field": "released", "calendar_interval": "1y", "format": "yyyy"}}),
            ),
            (
                aggs(a={"range": {"field": "year", "ranges": [{"to": 2000}, {"from": 2000}]}}),
                aggs(
                    a={"range": {"field": "year", "ranges": [{"key": "new", "from": 2000}, {"key": "old", "to": 2000}]}}
                ),
            ),
            (aggs(a=by_country()), aggs(a=by_country(order={"_key": "asc"}))),  # no order is asked for
            (
                aggs(a={**by_country(order={"_count": "asc"}), "aggs": {"b": {"avg": {"field": "year"}}}}),
                aggs(
                    a={
                        **by_country(order=[{"_count": "asc"}, {"_key": "desc"}]),
                        "aggs": {"c": {"avg": {"field": "year"}}},
                    }
                ),
            ),
            (
                aggs(a={"filter": HORROR["query"], "aggs": {"buckets": {"avg": {"field": "year"}}}}),
                aggs(a={"filter": HORROR["query"], "aggs": {"mean": {"avg": {"field": "year"}}}}),
            ),
            (aggs(a=by_country(size=3)), aggs(a=by_country(size=3, order={"_count": "desc"}))),
        ],
    )
    def test_the_same(self, ask, gold, other):
        assert same(ask(gold), ask(other))

    @pytest.mark.parametrize(
        ("gold", "other"),
        [
            (aggs(a=by_country()), aggs(a={"terms": {"field": "studio.name"}})),
            (aggs(a=by_country()), {**DRAMA, **aggs(a=by_country())}),
            (aggs(a=by_country()), aggs(a=by_country(missing="none"))),
            (aggs(a=by_country(order={"_key": "asc"})), aggs(a=by_country())),
            (aggs(a=by_country(order={"_key": "desc"}, size=3)), aggs(a=by_country(order={"_key": "asc"}, size=3))),
            (aggs(a=by_country(order={"_count": "asc"})), aggs(a=by_country(order={"_count": "desc"}))),
            (aggs(a={"cardinality": {"field": "year"}}), {**DRAMA, **aggs(a={"cardinality": {"field": "year"}})}),
            (
                aggs(a={"percentiles": {"field": "votes", "percents": [50]}}),
                aggs(a={"percentiles": {"field": "votes", "percents": [90]}}),
            ),
            (
                aggs(a={"range": {"field": "year", "ranges": [{"to": 2000}]}}),
                aggs(a={"range": {"field": "year", "ranges": [{"to": 2001}]}}),
            ),
            (
                aggs(a={"filters": {"filters": {"x": DRAMA["query"], "y": HORROR["query"]}}}),
                aggs(a={"filters": {"filters": {"x": DRAMA["query"]}}}),
            ),
            (aggs(a={"filter": DRAMA["query"]}), aggs(a={"filter": HORROR["query"]})),
            (
                aggs(a={"top_hits": {"size": 1, "sort": [{"year": "desc"}, {"title.raw": "asc"}]}}),
                aggs(a={"top_hits": {"size": 1, "sort": [{"year": "asc"}, {"title.raw": "asc"}]}}),
            ),
            (
                aggs(a={"nested": {"path": "cast"}, "aggs": {"b": {"avg": {"field": "cast.age"}}}}),
                aggs(a={"avg": {"field": "cast.age"}}),
            ),
        ],
    )
    def test_not_the_same(self, ask, gold, other):
        assert not same(ask(gold), ask(other))
        assert difference(ask(gold), ask(other)).startswith("aggregations differ: expected ")

    def test_two_of_one_kind_and_field_are_paired_by_result(self, ask):
        new, old = {"range": {"year": {"gte": 2008}}}, {"range": {"year": {"lt": 2008}}}
        mean = {"m": {"avg": {"field": "rating"}}}
        gold, turned = ask(
            aggs(a={"filter": new, "aggs": mean}, b={"filter": old, "aggs": mean}),
            aggs(a={"filter": old, "aggs": mean}, b={"filter": new, "aggs": mean}),
        )
        assert same(gold, turned)
        assert not same(gold, ask(aggs(a={"filter": old, "aggs": mean}, b={"filter": old, "aggs": mean})))

    def test_a_number_may_differ_in_its_last_digits_only(self, ask):
        def mean(value):
            answer = ask(aggs(a={"avg": {"field": "rating"}}))
            return replace(answer, aggs=(("avg", "rating", {"values": {"value": value}, "inner": ()}),))

        assert same(mean(0.1 + 0.2), mean(0.3)) and same(mean(1e9), mean(1e9 + 1))
        assert not same(mean(0.3), mean(0.3001)) and not same(mean(None), mean(0.0))

    def test_partial_credit_counts_buckets(self, ask):
        all_countries, three = ask(aggs(a=by_country()), aggs(a=by_country(size=3)))
        assert f1(all_countries, three) == 2 * 3 / (6 + 3)
        assert f1(ask(aggs(a={"avg": {"field": "rating"}})), ask(aggs(a={"avg": {"field": "votes"}}))) == 0

    def test_names_of_sub_aggregations_cannot_break_the_reading(self, ask):
        inner = {name: {"avg": {"field": "year"}} for name in ("key", "doc_count", "buckets", "value", "from")}
        for outer in (by_country(), {"filter": DRAMA["query"]}, {"range": {"field": "year", "ranges": [{"to": 2000}]}}):
            answer = ask(aggs(a={**outer, "aggs": inner}))
            assert same(answer, answer) and f1(answer, answer) == 1 and answer.summary()
