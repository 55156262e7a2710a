"""Whatever a model writes when asked for questions: a list, or a named fault; each entry that fails is counted."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thriftune.teach.listing import LONGEST, MAX_CHARACTERS, Listed, read

FAULTS, DROPPED = (set(re.findall(r"`(\w+)`", part)) for part in (Listed.__doc__ or "").split("dropped:"))
TWO = ("which films are long", "how many films has Kubrick")


@pytest.mark.parametrize(
    "response",
    [
        "1. which films are long\n2. how many films has Kubrick",
        "1) which films are long\n2) how many films has Kubrick\n",
        "Sure, here are two:\n\n1. which films are long\n2. how many films has Kubrick\n\nShall I write more of them?",
        "- which films are long\n* **how many films has Kubrick**",
        "Q1: which films are long\nQ2: how many films has Kubrick",
        '["which films are long", "how many films has Kubrick"]',
        'Here:\n```json\n["which films are long",\n "how many films has Kubrick"]\n```',
        '{"questions": [{"question": "which films are long"}, {"text": "how many films has Kubrick", "id": 3}]}',
        "which films are long\nhow many films has Kubrick",
        "Questions:\n“which films are long”\n\n  how many   films has Kubrick  ",
        '"which films are long",\n"how many films has Kubrick",',
        "[see below]\nwhich films are long\nhow many films has Kubrick",
    ],
)
def test_questions_are_taken_out_of_any_form(response):
    assert read(response).texts[-2:] == TWO


@pytest.mark.parametrize(
    ("response", "fault"),
    [("", "empty"), (" \n", "empty"), ("x" * (MAX_CHARACTERS + 1), "too_long"), ("[\n]\n```", "no_list")],
)
def test_no_list_at_all_is_named(response, fault):
    assert read(response) == Listed(fault=fault) and fault in FAULTS


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("long films", "too_short"),
        ("long " * LONGEST, "too_long"),
        ("films <answer>x</answer> of mine", "markup"),
        ('{"query": {"term": 1}} is it', "markup"),
        ("which films are \ud83d long", "not_unicode"),
        ("Which films are long", "repeated"),
    ],
)
def test_an_entry_that_cannot_be_used_is_counted_by_its_reason(entry, reason):
    found = read(f"1. which films are long\n2. {entry}\n3. how many films has Kubrick")
    assert found.texts == TWO and found.dropped == {reason: 1} and reason in DROPPED


def test_an_entry_that_is_no_text_is_counted():
    assert read('["which films are long", {"a": 1}, null, 7]').dropped == {"not_text": 3}


PIECES = [
    "1. ",
    "2) ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    '"',
    ",",
    ":",
    "\n",
    "```json",
    "question",
    '"question":',
    "films a b c",
]
SOUP = st.lists(st.sampled_from(PIECES) | st.text(max_size=5) | st.just("\ud83d"), max_size=15).map("".join)


def holds(response: str) -> None:
    found = read(response)
    assert bool(found.fault) != bool(found.texts or found.dropped)
    assert not found.fault or found.fault in FAULTS
    assert set(found.dropped) <= DROPPED
    for text in found.texts:
        assert text.strip() == text and len(text) <= LONGEST and "\n" not in text
        text.encode()


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOUP)
def test_any_text_is_a_list_or_a_named_fault(response):
    holds(response)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOUP)
def test_any_of_ten_thousand_texts_is(response):
    holds(response)


@pytest.mark.parametrize("text", ["[" * MAX_CHARACTERS, "{" * MAX_CHARACTERS, '["a' * 20_000, "1." * 30_000])
def test_what_would_take_forever_does_not(text):
    holds(text)
