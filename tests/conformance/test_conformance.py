"""The engines answer as the documentation of Query DSL says: the embedded one, and a server if one is named.

THRIFTUNE_CONFORMANCE_URL=http://localhost:9200 python -m pytest tests/conformance
"""

import json
import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from thriftune.records import Question
from thriftune.tasks.query_dsl.collections import Collection
from thriftune.tasks.query_dsl.engine import Refusal, embedded
from thriftune.tasks.query_dsl.task import QueryDsl

sys.path.insert(0, str(Path(__file__).parent))
import conformance_suite as suite

URL = os.environ.get("THRIFTUNE_CONFORMANCE_URL", "")
CASES = [case for group in suite.groups() for case in group.cases]


def parameters():
    for case in CASES:
        # what is known is known of the embedded engine alone
        marks = [pytest.mark.xfail(reason=case.known, strict=True)] if case.known else []
        yield pytest.param("embedded", case, id=case.title, marks=marks)
    for case in CASES if URL else []:
        yield pytest.param("server", case, id=f"server, {case.title}")


@pytest.fixture(scope="session")
def conforming():
    """The engines by name, with the documents of all cases; they are dropped at the end."""
    with ExitStack() as stack:
        engines = {"embedded": stack.enter_context(embedded())}
        if URL:
            engines["server"] = suite.server(URL)
        for engine in engines.values():
            stack.callback(suite.drop, engine)
            suite.load(engine)
        yield engines


@pytest.mark.parametrize(("name", "case"), list(parameters()))
def test_the_engine_conforms(conforming, name, case):
    assert not suite.run(conforming[name], case)


@pytest.mark.parametrize("case", [case for case in CASES if case.known], ids=lambda case: case.title)
def test_no_verdict_rests_on_a_known_fault(conforming, case):
    """What the embedded engine gets wrong is `unsupported`, or told by the judge itself."""
    group = next(group for group in suite.groups() if group.index == case.index)
    collection = Collection(group.mapping, lambda: iter(group.documents), {}, None, "")
    task = QueryDsl(conforming["embedded"], conforming["embedded"], {case.index: collection})
    verdict = task.check(Question(id="q", collection=case.index, text="?", meaning="q"), json.dumps(case.body))
    assert not verdict.valid
    assert case.error in verdict.detail if case.error else verdict.fault == "unsupported"


@pytest.mark.parametrize("priority", ["P0", "P1"])
def test_every_clause_has_cases_of_its_priority(priority):
    named = suite.clauses()[priority]
    tested = [case.clause for case in CASES if case.priority == priority]
    assert set(named) == set(tested)
    least = 2 if priority == "P0" else 1
    assert not [clause for clause in named if tested.count(clause) < least]


def test_titles_of_cases_are_unique():
    titles = [case.title for case in CASES]
    assert len(titles) == len(set(titles))


def case_of(**expected):
    clause = expected.pop("clause", "term")
    return suite.Case("i", clause, "P0", "n", {}, **expected)


def answer_of(*ids, aggregations=None):
    return {"hits": {"hits": [{"_id": i, "_score": 1.0} for i in ids]}, "aggregations": aggregations}


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (case_of(ids=["a", "b"]), answer_of("a")),
        (case_of(ids=["a"]), answer_of("a", "b")),
        (case_of(ids=["a"]), answer_of("a", "a")),
        (case_of(order=["a", "b"]), answer_of("b", "a")),
        (case_of(scores={"a": 1}), answer_of("a", "b")),
        (case_of(scores={"a": 1.1}), answer_of("a")),
        (case_of(aggs={"m": {"value": 1}}), answer_of()),
        (case_of(aggs={"m": {"value": 0}}), answer_of(aggregations={"m": {"value": None}})),
        (case_of(aggs={"m": {"value": 1}}), answer_of(aggregations={"m": {"value": True}})),
        (case_of(aggs={"m": {"value": 1}}), answer_of(aggregations={"m": {"value": 1.00001}})),
        (case_of(aggs={"m": {"value": 100}}, clause="aggs cardinality"), answer_of(aggregations={"m": {"value": 90}})),
        (case_of(aggs={"m": {"buckets": []}}), answer_of(aggregations={"m": {"buckets": [{"key": 1}]}})),
        (case_of(reply={"aggregations": suite.ABSENT}), answer_of()),
        (case_of(error="bad"), answer_of()),
        (case_of(error="bad"), Refusal("invalid", "worse")),
        (case_of(ids=[]), Refusal("unsupported", "not here")),
    ],
)
def test_a_difference_is_seen(case, answer):
    assert suite.difference(case, answer)


@pytest.mark.parametrize(
    ("case", "answer"),
    [
        (case_of(ids=["a", "b"]), answer_of("b", "a")),
        (case_of(aggs={"m": {"value": 1}}), answer_of(aggregations={"m": {"value": 1.0000001, "more": 2}, "n": {}})),
        (case_of(aggs={"m": {"value": 100}}, clause="aggs percentiles"), answer_of(aggregations={"m": {"value": 97}})),
        (case_of(error="bad"), Refusal("invalid", "this is bad")),
    ],
)
def test_what_is_not_asked_for_makes_no_difference(case, answer):
    assert not suite.difference(case, answer)


@pytest.mark.parametrize(("fault", "kind"), [({"idz": []}, TypeError), ({}, ValueError)])
def test_a_case_that_could_never_fail_is_refused(fault, kind):
    with pytest.raises(kind):
        case_of(**fault)
