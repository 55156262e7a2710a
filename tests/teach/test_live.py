"""A live teacher over real HTTP: every question ends exactly once, nothing is paid twice, the budget holds."""

import json
import time

import pytest

from thriftune.errors import TeacherError
from thriftune.prompts import Prompt
from thriftune.recipe import Price, Teacher
from thriftune.records import Question, Reject
from thriftune.teach import requests
from thriftune.teach.ledger import Answered, Ledger, Usage, estimate, key_of
from thriftune.teach.live import LiveTeacher
from thriftune.teach.parse import Parsed, parse
from thriftune.teach.teachers import Unanswered
from thriftune.testing.teacher import FAULTS, MisbehavingTeacher

KEY = "sk-very-secret"
REQUEST = {"model": "m", "messages": [{"role": "user", "content": "x" * 300}], "max_tokens": 100}


def settings(server: MisbehavingTeacher, **keys) -> Teacher:
    given = {
        "kind": "openai",
        "model": "m",
        "base_url": server.url,
        "questions": ["-"],
        "timeout_seconds": 1,
        "retries": 1,
    }
    return Teacher.model_validate(given | keys)


def teacher(server, tmp_path, texts, **keys) -> LiveTeacher:
    chosen = settings(server, **keys)
    questions = [Question(id=f"q{n}", collection="c", text=text, meaning="m") for n, text in enumerate(texts)]
    ledger = Ledger(tmp_path / "ledger.sqlite", chosen.price, chosen.budget_usd, chosen.budget_tokens)
    return LiveTeacher(
        chosen, KEY, questions, lambda asked: requests.question(chosen, Prompt("Find.", asked.text), []), ledger
    )


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_comes_is_a_response_or_a_named_fault(tmp_path, fault):
    with MisbehavingTeacher() as server:
        found = list(teacher(server, tmp_path, [f"films #{fault}", "films #good"]).answers())
    assert sorted(question.id for question, _ in found) == ["q0", "q1"]
    by_id = {question.id: response for question, response in found}
    assert "<answer>" in by_id["q1"], "one bad question does not spoil the next"
    if fault in ("hang", "half", "latin", "html"):
        assert isinstance(by_id["q0"], Unanswered) and by_id["q0"].reason in ("no_response", "teacher_error")
    else:
        assert isinstance(by_id["q0"], str)


@pytest.mark.parametrize("output", ["tags", "json_object", "json_schema"])
def test_both_forms_of_an_answer_are_parsed_by_one_parser(tmp_path, output):
    with MisbehavingTeacher() as server:
        ((_, response),) = teacher(server, tmp_path, ["films #good"], output=output).answers()
    assert isinstance(response, str) and response.startswith("{") == (output == "json_schema")  # a server may ignore it
    assert isinstance(parse(response), Parsed)


def test_examples_are_shown_in_the_form_that_is_asked_for(tmp_path):
    with MisbehavingTeacher() as server:
        chosen = settings(server, output="json_schema")
    shown = [("horror", '<rationale>A "term".</rationale><answer>{"size":0}</answer>')]
    request = requests.question(chosen, Prompt("Find.", "drama"), shown)
    assert json.loads(request["messages"][2]["content"]) == {"rationale": 'A "term".', "answer": '{"size":0}'}
    assert "<rationale>" not in request["messages"][0]["content"]


def test_a_second_start_pays_nothing(tmp_path):
    texts = [f"films {n} #good" for n in range(20)]
    with MisbehavingTeacher() as server:
        first = dict((q.id, r) for q, r in teacher(server, tmp_path, texts).answers())
        assert len(server.paid) == 20
        again = teacher(server, tmp_path, texts)
        assert dict((q.id, r) for q, r in again.answers()) == first and len(server.paid) == 20
        assert again.figures()["prompt_tokens"] == 2000
        assert [q.id for q, _ in teacher(server, tmp_path, texts).answers({f"q{n}" for n in range(19)})] == ["q19"]


def test_a_fault_is_told_once_and_the_next_answer_comes(tmp_path):
    with MisbehavingTeacher() as server:
        asked = teacher(server, tmp_path, ["films #script"])
        turns = []
        for question, response in asked.answers():
            turns.append(response)
            again = asked.again(
                question, response, Reject(question=question, reason="limit:script", detail="no", response="")
            )
            assert again is (len(turns) == 1)
        assert len(turns) == 2 and [turns for _, turns in server.paid] == [2, 4]


@pytest.mark.parametrize(
    "budget",
    [{"budget_tokens": 2000}, {"budget_usd": 0.002, "price": {"input_per_million": 1, "output_per_million": 1}}],
)
def test_the_budget_is_never_passed_and_counts_what_is_in_flight(tmp_path, budget):
    with MisbehavingTeacher(latency=0.05) as server:
        asked = teacher(
            server, tmp_path, [f"films {n} #good" for n in range(60)], max_tokens=200, concurrency=16, **budget
        )
        found = [response for _, response in asked.answers()]
        assert 0 < server.tokens <= 2000, "also with sixteen at once"
    assert {r.reason for r in found if isinstance(r, Unanswered)} == {"over_budget"}
    assert len(found) == 60 and sum(isinstance(r, str) for r in found) == len(server.paid)


@pytest.mark.parametrize(
    ("server_keys", "said"),
    [({"key": "another"}, "refuses the key"), ({"model": "large"}, "does not know the model 'm'")],
)
def test_a_wrong_key_or_model_stops_with_one_message(tmp_path, server_keys, said):
    with MisbehavingTeacher(**server_keys) as server, pytest.raises(TeacherError, match=said) as caught:
        list(teacher(server, tmp_path, ["films #good"] * 5).answers())
    assert KEY not in str(caught.value)


def test_a_server_that_is_down_stops_with_one_message(tmp_path):
    with MisbehavingTeacher() as server:
        asked = teacher(server, tmp_path, ["films #good"])
    with pytest.raises(TeacherError, match="cannot reach the teacher"):
        list(asked.answers())


def test_many_are_asked_at_once(tmp_path):
    with MisbehavingTeacher(latency=0.2) as server:
        started = time.monotonic()
        assert len(list(teacher(server, tmp_path, [f"{n} #good" for n in range(64)], concurrency=32).answers())) == 64
        assert time.monotonic() - started < 64 * 0.2 / 4, "one after the other it were 12.8 s"


def test_the_first_request_goes_alone_so_that_a_wrong_key_is_refused_once(tmp_path):
    with MisbehavingTeacher(key="another") as server, pytest.raises(TeacherError):
        list(teacher(server, tmp_path, [f"films {n} #good" for n in range(30)], concurrency=16).answers())
    assert not (tmp_path / "ledger.sqlite").exists(), "nothing was paid, nothing is kept"


def test_the_same_request_twice_is_paid_once(tmp_path):
    with MisbehavingTeacher(latency=0.1) as server:
        found = list(teacher(server, tmp_path, ["films #good"] * 5).answers())
        assert len(found) == 5 and len({response for _, response in found}) == 1 and len(server.paid) == 1


def test_samples_are_different_answers_and_each_is_paid_once(tmp_path):
    with MisbehavingTeacher() as server:
        for _ in "12":
            asked = teacher(server, tmp_path, ["a #good", "b #good"], samples=3, temperature=0.7)
            assert sorted(question.id for question, _ in asked.answers()) == ["q0"] * 3 + ["q1"] * 3
        assert len(server.paid) == 6


# the ledger


def ledger(tmp_path, budget_tokens=None) -> Ledger:
    return Ledger(tmp_path / "l.sqlite", Price(input_per_million=2, output_per_million=6), None, budget_tokens)


def test_the_ledger_keeps_what_was_paid(tmp_path):
    first, key = ledger(tmp_path), key_of(REQUEST)
    assert first.known(key) is None and first.reserve(key, REQUEST)
    first.settle([Answered(key, "half \ud83d", Usage(10, 5))])
    other = ledger(tmp_path, estimate(REQUEST).tokens + 15)
    assert other.known(key) == "half ?" and other.spent == Usage(10, 5) and other.usd == pytest.approx(5e-5)
    assert other.known(key_of(REQUEST, sample=1)) is None
    assert other.reserve("n", REQUEST) and not other.reserve("o", REQUEST)
    other.release("n")
    assert other.reserve("o", REQUEST)


def test_what_was_in_flight_at_a_kill_counts_as_paid(tmp_path):
    killed = ledger(tmp_path)
    assert killed.reserve("a", REQUEST) and killed.reserve("b", REQUEST)
    killed.settle([Answered("a", "text", Usage(10, 5))])
    after = ledger(tmp_path, budget_tokens=15 + 2 * estimate(REQUEST).tokens)
    assert after.lost == (1, estimate(REQUEST)) and after.spent == Usage(10, 5)
    assert after.reserve("b", REQUEST) and not after.reserve("c", REQUEST)
    after.lose("b")
    assert not after.reserve("b", REQUEST) and ledger(tmp_path).lost[0] == 2


def test_other_scripts_are_estimated_higher():
    def of(text: str) -> int:
        return estimate(REQUEST | {"messages": [{"role": "user", "content": text}]}).prompt

    assert of("x" * 300) == 116 and of("日" * 300) == 716
