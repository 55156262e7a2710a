"""`now` is the collection's moment; literals with date math are understood as servers understand them."""

import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thriftune.tasks.query_dsl.dates import freeze, moment

from .strange import json_values

NOW = "2014-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("written", "frozen"),
    [
        ({"gte": "now"}, {"gte": NOW}),
        ({"gte": "now-1y/d", "lt": "now"}, {"gte": f"{NOW}||-1y/d", "lt": NOW}),
        ({"gte": "now/M", "time_zone": "+02:00"}, {"gte": f"{NOW}||/M", "time_zone": "+02:00"}),
        (
            {"gte": "now-1d", "lt": "01/01/2015", "format": "dd/MM/yyyy"},
            {"gte": f"{NOW}||-1d", "lt": "01/01/2015", "format": "dd/MM/yyyy||strict_date_optional_time"},
        ),
        ({"gte": "01/01/2014", "format": "dd/MM/yyyy"}, {"gte": "01/01/2014", "format": "dd/MM/yyyy"}),
        ({"gte": "now-1x"}, {"gte": "now-1x"}),  # stays wrong, for the engine to say so
        ({"gte": "nowhere"}, {"gte": "nowhere"}),
    ],
)
def test_now_in_a_range(written, frozen):
    assert freeze({"range": {"released": written}}, NOW) == {"range": {"released": frozen}}


def test_a_field_with_a_format_of_its_own_gets_the_default_one_added():
    found = freeze({"range": {"added": {"gte": "now-1d"}}}, NOW, {"added": "yyyy"})
    assert found["range"]["added"]["format"] == "yyyy||strict_date_optional_time"


@pytest.mark.parametrize("clause", [{"terms": {"added": ["now-6M"]}}, {"term": {"added": {"value": "now-6M"}}}])
def test_other_clauses_have_the_fixed_date_in_the_fields_own_format(clause):
    found = json.dumps(freeze(clause, "2014-01-01T00:00:00Z", {"added": "yyyy-MM-dd HH:mm:ss"}))
    assert found == json.dumps(clause).replace("now-6M", "2014-01-01 00:00:00||-6M")


@pytest.mark.parametrize("query", [{"match": {"title": "now"}}, {"term": {"title": {"value": "now"}}}])
def test_a_word_is_not_a_date(query):
    assert freeze(query, NOW) == query


@settings(deadline=None)
@given(json_values())
def test_without_a_moment_nothing_changes_and_nothing_raises(value):
    assert freeze(value, None) == value
    json.dumps(freeze(value, NOW, {"year": "yyyy"}))


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ("2004-02-29", datetime(2004, 2, 29)),
        ("2004", datetime(2004, 1, 1)),
        ("2004-02", datetime(2004, 2, 1)),
        ("2004-02-29T12:30:15.500Z", datetime(2004, 2, 29, 12, 30, 15, 500000)),
        ("2004-02-29T01:00:00+02:00", datetime(2004, 2, 28, 23)),
        (1078056000000, datetime(2004, 2, 29, 12)),
        ("2014-01-01T00:00:00Z||-1y", datetime(2013, 1, 1)),
        ("2004-02-29||-1y", datetime(2003, 2, 28)),
        ("2004-01-31||+1M", datetime(2004, 2, 29)),
        ("2004-01-31||-3M-1d+2h", datetime(2003, 10, 30, 2)),
        ("2004-02-29T12:30||/w", datetime(2004, 2, 23)),
        ("2004-02-29T12:30:45||/h", datetime(2004, 2, 29, 12)),
        ("2004-02-29T12:30:45||-1d/M", datetime(2004, 2, 1)),
        ("2004-02-29||/y+1M", datetime(2004, 2, 1)),
        ("29/02/2004", None),
        ("9999-12-31||+1d", None),
        ("2004-02-29||+99999999999y", None),
        ("", None),
        (None, None),
        (True, None),
    ],
)
def test_what_a_literal_means(literal, expected):
    assert moment(literal) == expected


@pytest.mark.parametrize(
    "literal", ["2006-11-10||-1M/M", "2004-10-29||/w", "2013-01-02||-1d", "2000||+6M", 978307200000]
)
def test_the_engine_understands_it_the_same_way(ask, literal):
    """A range from the moment finds what a range from the literal finds, and so does one to it."""
    for bound in ("gte", "lt"):
        asked = [{"query": {"range": {"released": {bound: value}}}} for value in (literal, moment(literal).isoformat())]
        by_literal, by_moment = ask(*asked)
        assert by_literal.ids == by_moment.ids


@settings(max_examples=300, deadline=None)
@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d(\|\|([-+]\d{1,9}[yMwdhms]|/[yMwdhms])*)?", fullmatch=True))
def test_no_literal_raises(literal):
    assert moment(literal) is None or isinstance(moment(literal), datetime)
