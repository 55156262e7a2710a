"""Whatever a teacher writes, parsing ends in two whole parts or in a named fault."""

import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thriftune.teach.parse import MAX_CHARACTERS, Malformed, Parsed, parse

REASONS = set(re.findall(r"`(\w+)`", (Malformed.__doc__ or "").split("one of")[1]))
PIECES = [
    *("<rationale>", "</rationale>", "<answer>", "</answer>", "<Rationale >", "</ANSWER\n>", "<answer", "< answer>"),
    *("```", "```json\n", "\n```", "``````", "```\n```", "\n", " ", "\u2003", "\x00", "\ud83d", "\udc00"),
    *("<anſwer>", "</anſwer>", "<ratıonale>", "<RATİONALE>", "<<answer>>", "&lt;answer&gt;", "{}", "why", "a<b"),
]
SOUP = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=8).map("".join)
WORDS = st.text("ab{}`< \n\x00\ud83dſ", max_size=6)
NEARLY_RIGHT = st.tuples(WORDS, WORDS, WORDS).map(
    lambda parts: "{}<rationale>{}</rationale><answer>{}</answer>".format(*parts)
)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("<rationale>why</rationale><answer>{}</answer>", Parsed("why", "{}")),
        ("<answer>{}</answer> and <rationale>why</rationale>", Parsed("why", "{}")),
        ("Sure!\n<RATIONALE >\n why \n</Rationale>\n<answer>\n{}\n</answer>\nBye", Parsed("why", "{}")),
        ("<rationale>a < b</rationale><answer>```json\n{}\n```</answer>", Parsed("a < b", "{}")),
        ("<rationale>r</rationale><answer>```\n{}```</answer>", Parsed("r", "{}")),
        ("<rationale>r</rationale><answer>a `b` c</answer>", Parsed("r", "a `b` c")),
        ('{"rationale": "why", "answer": "{\\"size\\": 0}"}', Parsed("why", '{"size": 0}')),
        (
            '```json\n{"answer": {"size": 0, "a": [{}, null]}, "rationale": "w"}\n```',
            Parsed("w", '{"size":0,"a":[{},null]}'),
        ),
        (
            '{"rationale": "w", "answer": {"a": 1, "a": 2}}',
            Parsed("w", '{"a":1,"a":2}'),
        ),  # the task sees it, and refuses
    ],
)
def test_both_parts_are_taken_out(response, expected):
    assert parse(response) == expected


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("", "no_rationale"),
        ("<answer>{}</answer>", "no_rationale"),
        ("<rationale>r</rationale>", "no_answer"),
        ("<rationale>r</rationale>{}", "no_answer"),
        ("<rationale>r</rationale><answer>{", "cut_off"),
        ("<rationale>r", "cut_off"),
        ("<rationale>r</rationale><rationale>r</rationale><answer>{}</answer>", "two_rationales"),
        ("<rationale>r</rationale><answer>{}</answer><answer>{}</answer>", "two_answers"),
        ("<rationale>r<answer>{}</answer></rationale>", "nested_tags"),
        ("<rationale>r</answer></rationale>", "nested_tags"),
        ("</answer>", "nested_tags"),
        ("<rationale> \n</rationale><answer>{}</answer>", "empty_rationale"),
        ("<rationale>r</rationale><answer>\u2003</answer>", "empty_answer"),
        ("<rationale>r</rationale><answer>```json\n\n```</answer>", "empty_answer"),
        ("<rationale>r</rationale><answer>```\n```</answer>", "empty_answer"),
        ("<rationale>r</rationale><answer>\ud83d</answer>", "not_unicode"),
        ("x" * (MAX_CHARACTERS + 1), "too_long"),
        ('{"rationale": "r", "answer": "{', "broken_json"),
        ('{"rationale": "r", "answer": ' + "[" * 20_000, "broken_json"),
        ('{"rationale": "r"}', "no_answer"),
        ('{"answer": "{}"}', "no_rationale"),
        ('{"rationale": "r", "answer": "{}", "answer": "[]"}', "two_answers"),
        ('{"rationale": "r", "answer": null}', "empty_answer"),
        ('{"rationale": " ", "answer": "{}"}', "empty_rationale"),
        ('{"rationale": "\\ud83d", "answer": "{}"}', "not_unicode"),
    ],
)
def test_what_is_wrong_is_named(response, reason):
    found = parse(response)
    assert isinstance(found, Malformed) and found.reason == reason and found.detail
    assert reason in REASONS


def test_a_long_s_is_no_s():
    assert parse("<rationale>r</rationale><anſwer>{}</anſwer>") == Malformed("no_answer", "no <answer>…</answer>")


def holds(response: str) -> None:
    found = parse(response)
    if isinstance(found, Parsed):
        assert found.rationale.strip() and found.label.strip()
        assert found.rationale in response and found.label in response
        (found.rationale + found.label).encode()
    else:
        assert found.reason in REASONS and found.detail


VALUES = st.recursive(st.none() | WORDS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner))
OBJECTS = st.dictionaries(st.sampled_from(["rationale", "answer", "x"]), VALUES).map(json.dumps)


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(OBJECTS, st.integers(0, 80))
def test_any_json_gives_two_parts_or_a_named_fault_whole_or_cut(response, cut):
    for text in (response, response[:cut]):
        found = parse(text)
        if isinstance(found, Parsed):
            assert found.rationale.strip() and found.label.strip()
            (found.rationale + found.label).encode()
        else:
            assert found.reason in REASONS and found.detail


@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOUP | NEARLY_RIGHT)
def test_any_text_gives_two_parts_or_a_named_fault(response):
    holds(response)


@pytest.mark.slow
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOUP | NEARLY_RIGHT)
def test_any_of_twenty_thousand_texts_does(response):
    holds(response)


PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<`"), min_size=1).filter(str.strip)


@settings(max_examples=300, deadline=None)
@given(PLAIN, PLAIN, st.booleans())
def test_what_was_put_between_the_tags_comes_back(rationale, label, fenced):
    inside = f"```json\n{label.strip()}\n```" if fenced else label
    response = f"Well: <rationale>{rationale}</rationale> so <answer>{inside}</answer>."
    assert parse(response) == Parsed(rationale.strip(), label.strip())
