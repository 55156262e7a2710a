"""Where two queries differ: every difference that is named is real, and none is left out."""

import copy
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.ui.colours import coloured, laid_out
from thriftune.ui.diff import compared, written
from thriftune.ui.places import places
from thriftune.ui.structure import differences, spelled

from .test_desk import Tags

GONE = object()
names = st.sampled_from(["bool", "must", "filter", "should", "must_not", "terms", "term", "sort", "year", "order"])
leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "a", "b", 'q"\\', "<b>"])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=25
)


def at(value, path):
    for step in path:
        value = value[step]
    return value


def without(value, paths):
    """Take the parts out of a value."""
    value = copy.deepcopy(value)
    for path in paths:
        if not path:
            return None
        at(value, path[:-1])[path[-1]] = GONE
    return swept(value)


def swept(value):
    if isinstance(value, dict):
        return {key: swept(inner) for key, inner in value.items() if inner is not GONE}
    if isinstance(value, list):
        return [swept(inner) for inner in value if inner is not GONE]
    return value


def empty_clauses(value):
    """A lone clause that was taken out leaves no key, a list of it an empty list: the same nothing."""
    if isinstance(value, dict):
        return {key: empty_clauses(inner) for key, inner in value.items() if inner != []}
    return [empty_clauses(inner) for inner in value] if isinstance(value, list) else value


@given(values, values)
def test_every_difference_is_real_and_without_them_both_are_the_same(first, second):
    found = differences(first, second)
    assert bool(found) == (spelled(first) != spelled(second))
    for each in found:
        for part, value in ((each.first, first), (each.second, second)):
            assert part is None or at(value, part.path) == part.value
        if each.first and each.second:
            assert json.dumps(each.first.value) != json.dumps(each.second.value)
    left = without(first, [each.first.path for each in found if each.first])
    right = without(second, [each.second.path for each in found if each.second])
    assert spelled(empty_clauses(left)) == spelled(empty_clauses(right))


def shuffled(value, chance, steps=()):
    """The same query spelled otherwise: members in another order, clauses too, one clause without its list."""
    if isinstance(value, dict):
        keys = chance.sample(list(value), len(value))
        return {key: shuffled(value[key], chance, (*steps, key)) for key in keys}
    if not isinstance(value, list):
        return float(value) if type(value) is int else value
    items = [shuffled(item, chance, (*steps, 0)) for item in value]
    in_bool = steps[-2:-1] == ("bool",) and steps[-1] in ("must", "filter", "should", "must_not")
    if in_bool or (steps[-2:-1] == ("terms",) and steps[-1] not in (0, "order")):
        chance.shuffle(items)
    return items[0] if in_bool and len(items) == 1 and isinstance(items[0], dict) else items


@given(values, st.randoms(use_true_random=False))
def test_one_query_spelled_in_two_ways_has_no_difference(value, chance):
    assert differences(value, shuffled(value, chance)) == []


def filters(*clauses, **rest):
    return {"query": {"bool": {"filter": list(clauses)}}, **rest}


def term(field, value):
    return {"term": {field: value}}


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (term("genre", "War"), term("genre", "Noir"), [("term.genre", '"War"', '"Noir"')]),
        (
            filters(term("genre", "War"), {"range": {"year": {"gte": 1990}}}),
            filters({"range": {"year": {"gte": 1991}}}, term("genre", "War")),
            [("query.bool.filter[1].range.year.gte", "1990", "1991")],
        ),
        (
            filters(term("genre", "War")),
            filters(term("cast", "Al Pacino"), term("genre", "War"), size=0),
            [("query.bool.filter[0]", "–", '{"term": {"cast": "Al Pacino"}}'), ("size", "–", "0")],
        ),
        (
            {"sort": [{"year": "asc"}, {"title": "asc"}]},
            {"sort": [{"title": "asc"}, {"year": "asc"}]},
            [("sort[0]", "–", '{"title": "asc"}'), ("sort[1]", '{"title": "asc"}', "–")],
        ),
        ({"match": {"title.keyword": 1}}, {"match": {}}, [('match["title.keyword"]', "1", "–")]),
        ({"terms": {"year": [1, 2]}}, {"terms": {"year": [2, 3]}}, [
            ("terms.year[0]", "1", "–"), ("terms.year[1]", "–", "3"),
        ]),
        ({"size": True}, {"size": 1}, [("size", "true", "1")]),
        ([], 3, [("the whole", "[]", "3")]),
    ],
)  # fmt: skip
def test_differences_are_told_by_path(first, second, told):
    found = compared(json.dumps(first), json.dumps(second))
    assert found.by == "structure" and found.rows == told


def test_a_lone_clause_is_a_list_of_it():
    alone, listed = {"bool": {"must": term("a", 1)}}, {"bool": {"must": [term("a", 1.0)]}}
    assert compared(json.dumps(alone), json.dumps(listed)).same
    other = compared(json.dumps(alone), json.dumps({"bool": {"must": [term("a", 2), term("b", 1)]}}))
    assert other.rows == [
        ("bool.must.term.a", "1", "2"),
        ("bool.must[1]", "–", '{"term": {"b": 1}}'),
    ]


def marked(found, side):
    return [found.texts[side][mark.start : mark.end] for mark in found.marks[side]]


def test_marks_are_of_the_parts_alone():
    found = compared(json.dumps(filters(term("genre", "War"), size=5)), json.dumps(filters(term("genre", "Noir"))))
    assert (marked(found, 0), marked(found, 1)) == (['"War"', '"size": 5'], ['"Noir"'])
    assert [mark.kind for mark in found.marks[0]] == ["changed", "only"]
    html = coloured(found.texts[0], found.marks[0])
    assert '<mark class="changed"><span class="t-string">&quot;War&quot;</span></mark>' in html
    assert '<mark class="only"><span class="t-key">&quot;size&quot;</span>: <span' in html


def test_what_is_no_clean_json_is_compared_by_words():
    found = compared("SELECT a FROM films WHERE year > 1990", "SELECT a, b FROM films WHERE year > 1991")
    assert found.by == "words" and not found.same
    assert (marked(found, 0), marked(found, 1)) == (["1990"], [", b", "1991"])
    for broken in ('{"a": 1', '{"a": 1, "a": 2}', "[NaN]", "[1e999]", "[" * 100_000):
        assert compared(broken, '{"a": 1}').by == "words" and compared(broken, broken).same


@given(values)
def test_every_value_is_where_its_place_says(value):
    text = laid_out(json.dumps(value))
    assert laid_out(text) == text
    found = places(text)
    for path, place in found.items():
        assert json.loads(text[place.value : place.end]) == at(value, path)
        key = text[place.begins : place.value]
        assert key == "" or json.loads(key.rstrip(": ")) == path[-1]
    assert places(json.dumps(value)).keys() == found.keys()


@given(values | st.text(), values | st.text())
def test_marks_change_no_text_and_let_no_markup_in(first, second):
    texts = [text if isinstance(text, str) else json.dumps(text) for text in (first, second)]
    found = compared(*texts)
    for side in (0, 1):
        read = Tags(coloured(found.texts[side], found.marks[side]))
        assert read.tags <= {"pre", "code", "span", "mark"} and read.text == laid_out(texts[side])
        ends = [0, *(edge for mark in found.marks[side] for edge in (mark.start, mark.end))]
        assert ends == sorted(ends)


def test_long_answers_are_compared_in_time():
    chance = random.Random(1)
    clauses = [term(chance.choice("abcdef"), chance.randrange(50)) for _ in range(150)]
    first, second = filters(*clauses[:120]), filters(*clauses[30:])
    assert compared(json.dumps(first), json.dumps(second)).by == "structure"
    assert compared("a b " * 3000, "b a " * 3000).by == "words"


def test_a_path_is_written_as_people_write_it():
    assert written(("query", "bool", "filter", 0, "term", "title.keyword")) == (
        'query.bool.filter[0].term["title.keyword"]'
    )
    assert written(("_source", 2)) == "_source[2]" and written((0,)) == "[0]" and written(()) == "the whole"
