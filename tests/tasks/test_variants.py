"""Variants of lessons: the question and the query change alike, or not at all."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.records import Question
from thriftune.tasks.query_dsl.mapping import FieldType
from thriftune.tasks.query_dsl.variants import swaps, vary

FIELDS = {
    "cast": FieldType("keyword"),
    "dest": FieldType("keyword"),
    "title": FieldType("text"),
    "year": FieldType("integer"),
}
SPOKEN = {"dest": {"BUF": ["Buffalo"], "PWM": ["Portland Maine"]}}
DOCUMENTS = [{"cast": ["Nia Cole"], "dest": "PWM"}]


def body(*conditions: dict, **keys) -> dict:
    return {"query": {"bool": {"filter": list(conditions)}}, **keys}


def words(question: str, query: dict) -> list[tuple]:
    return [(swap.value, swap.words) for swap in swaps(question, query, FIELDS, SPOKEN)]


def varied(question: str, query: dict, seed: int = 0) -> tuple[str, dict] | None:
    found = swaps(question, query, FIELDS, SPOKEN)
    return vary(question, query, found, DOCUMENTS, SPOKEN, random.Random(seed)) if found else None


def test_a_name_is_swapped_in_question_and_query_and_keeps_the_case_of_the_question():
    assert varied("bo ek movies", body({"term": {"cast": "Bo Ek"}})) == (
        "nia cole movies",
        body({"term": {"cast": "Nia Cole"}}),
    )


def test_a_spoken_name_is_swapped_for_a_spoken_name():
    assert varied("anything to Buffalo?", body({"term": {"dest": "BUF"}})) == (
        "anything to Portland Maine?",
        body({"term": {"dest": "PWM"}}),
    )


def test_a_code_is_swapped_for_a_code():
    assert varied("BUF arrivals", body({"term": {"dest": "BUF"}})) == ("PWM arrivals", body({"term": {"dest": "PWM"}}))


def test_a_number_is_swapped_and_a_year_stays_a_year():
    question, query = varied("films before 1960", body({"range": {"year": {"lt": 1960}}}))
    year = query["query"]["bool"]["filter"][0]["range"]["year"]["lt"]
    assert question == f"films before {year}" and 1930 <= year <= 2014


@pytest.mark.parametrize(
    ("question", "query"),
    [
        ("the 5 best over 5", body({"range": {"year": {"gt": 5}}}, size=5)),  # which 5 is which?
        ("5 best", body({"range": {"year": {"gt": 5}}}, size=5)),  # one word, two meanings
        (
            "films of 2010",
            body({"range": {"released": {"gte": "2010-01-01", "lt": "2011-01-01"}}}),
        ),  # a date, not a number
        ("about 12.5 hours", body({"range": {"year": {"gt": 5}}})),  # 5 is part of another number
        ("from 1,960 on", body({"range": {"year": {"gt": 960}}})),
        ("hitchcock's films", body({"term": {"cast": "Alfred Hitchcock"}})),  # not named as it is written
        ("glass houses", body({"match": {"title": "glass"}})),  # words of a text are not values
        ("Bo Ek and Bo Ek", body({"term": {"cast": "Bo Ek"}})),
        ("us airways", body({"term": {"dest": "US"}})),  # a code counts only as it is written
        ("nothing named", body({"exists": {"field": "cast"}})),
    ],
)
def test_what_the_question_does_not_name_unmistakably_is_left_alone(question, query):
    assert words(question, query) == []


def test_one_value_in_two_roles_is_swapped_in_both():
    query = body({"term": {"cast": "Bo Ek"}}, {"term": {"cast": "Bo Ek"}})
    assert varied("Bo Ek twice", query) == (
        "Nia Cole twice",
        json.loads(json.dumps(query).replace("Bo Ek", "Nia Cole")),
    )


def test_a_value_with_backslashes_is_taken_literally():
    assert vary(
        "Bo Ek", body({"term": {"cast": "Bo Ek"}}), swaps("Bo Ek", body({"term": {"cast": "Bo Ek"}}), FIELDS, {}),
        [{"cast": [r"A\1\g<0>"]}], {}, random.Random(0),
    ) == (r"A\1\g<0>", body({"term": {"cast": r"A\1\g<0>"}}))  # fmt: skip


@given(st.text(max_size=40), st.text(min_size=1, max_size=8), st.integers(0, 10**9), st.integers(0, 99))
def test_any_text_is_varied_without_a_fault_and_the_shape_of_the_query_stays(text, name, number, seed):
    query = body({"term": {"cast": name}}, {"range": {"year": {"gte": number}}})
    result = varied(f"{text} {name} {number}", query, seed)
    if result:
        filters = result[1]["query"]["bool"]["filter"]
        assert list(filters[0]["term"]) == ["cast"] and list(filters[1]["range"]["year"]) == ["gte"]
        for value in (filters[0]["term"]["cast"], filters[1]["range"]["year"]["gte"]):
            assert str(value).lower() in result[0].lower().replace(",", "") or value in (name, number)


def test_the_tasks_variants_run_and_differ(task):
    question = Question(id="q", collection="films", text="Horror films after 1998", meaning="q")
    label = json.dumps(body({"term": {"genres": "Horror"}}, {"range": {"year": {"gt": 1998}}}))
    found = list(task.variants(question, label, "1"))
    assert found and all(text != question.text for text, _ in found)
    assert all(task.check(question, label).valid for _, label in found)
    assert list(task.variants(question, "no json", "1")) == []


def test_the_tasks_texts_hold_names_of_fields_and_values(task):
    texts = set(task.texts())
    assert {"cast.name", "The Quiet Harbor", "Northlight"} <= texts
