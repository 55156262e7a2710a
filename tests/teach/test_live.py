"""A live teacher over real HTTP: every question ends exactly once, nothing is paid twice, the budget holds."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from thriftune.errors import TeacherError
from thriftune.prompts import Prompt
from thriftune.recipe import Price, Teacher
from thriftune.records import Question, Reject
from thriftune.teach.ledger import Ledger, Usage, estimate
from thriftune.teach.live import LiveTeacher
from thriftune.teach.teachers import Unanswered
from thriftune.testing.teacher import FAULTS, GENRES, MisbehavingTeacher

KEY = "sk-very-secret"
MAPPING = {"properties": {"genre": {"type": "keyword"}}}
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
    questions = [
        (Question(id=f"q{n}", collection="c", text=text, meaning="m"), Prompt("Find.", text))
        for n, text in enumerate(texts)
    ]
    ledger = Ledger(tmp_path / "ledger.sqlite", chosen.price, chosen.budget_usd, chosen.budget_tokens)
    return LiveTeacher(chosen, KEY, questions, {}, ledger)


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


def test_the_ledger_keeps_what_was_paid(tmp_path):
    ledger = Ledger(tmp_path / "l.sqlite", Price(input_per_million=2, output_per_million=6), None, None)
    assert ledger.known(REQUEST) is None and ledger.reserve(REQUEST)
    ledger.settle(REQUEST, "half \ud83d", Usage(10, 5))
    other = Ledger(
        tmp_path / "l.sqlite", Price(input_per_million=2, output_per_million=6), None, estimate(REQUEST).tokens + 15
    )
    assert other.known(REQUEST) == "half ?" and other.spent == Usage(10, 5) and other.usd == pytest.approx(5e-5)
    assert other.reserve(REQUEST | {"model": "n"}) and not other.reserve(REQUEST | {"model": "o"})
    other.release(REQUEST | {"model": "n"})
    assert other.reserve(REQUEST | {"model": "o"})


# the command


def shop(folder: Path, server: MisbehavingTeacher, texts: list[str], **keys) -> Path:
    (folder / "mapping.json").write_text(json.dumps(MAPPING))
    (folder / "documents.jsonl").write_text("".join(f'{{"genre": "{genre}"}}\n' for genre in GENRES))
    lines = [{"id": f"q{n}", "collection": "films", "questions": [text]} for n, text in enumerate(texts)]
    (folder / "questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    asked = {
        "kind": "openai",
        "model": "m",
        "base_url": server.url,
        "key_env": "TEACHER_KEY",
        "questions": ["questions.jsonl"],
    }
    recipe = {
        "name": "live",
        "task": {"collections": {"films": {"mapping": "mapping.json", "documents": "documents.jsonl"}}},
        "teacher": asked | {"timeout_seconds": 1, "retries": 1} | keys,
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))
    return folder


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "thriftune.cli", "teach", "recipe.yaml", *words]


def environment() -> dict[str, str]:
    return {**os.environ, "TEACHER_KEY": KEY, "OMP_NUM_THREADS": "1"}


def thriftune(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(folder, *words), cwd=folder, capture_output=True, text=True, timeout=300, env=environment()
    )


def landed(folder: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name in ("lessons.jsonl", "rejects.jsonl"):
        path = folder / "runs/live" / name
        for line in path.read_text().splitlines() if path.exists() else ():
            counts[json.loads(line)["question"]["id"]] += 1
    return counts


def killed_often(folder: Path, server: MisbehavingTeacher, count: int, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    kinds = ["good", "429-after", "500", "broken", "script", "half", "good", "two"]
    shop(folder, server, [f"films {n} #{kinds[n % len(kinds)]}" for n in range(count)], concurrency=4)
    in_flight = 0
    for _ in range(kills):
        process = subprocess.Popen(
            command(folder), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = len(server.paid)
        deadline = time.monotonic() + 30
        wanted = chance.randrange(1, max(2, count // kills))
        while len(server.paid) < before + wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        in_flight += 4
    done = thriftune(folder)
    assert done.returncode == 0, done.stderr
    assert landed(folder) == {f"q{n}.0": 1 for n in range(count)}
    twice = sum(times - 1 for times in Counter(server.paid).values())
    assert twice <= in_flight, "only what was in flight at a kill is asked again"
    files = b"".join(path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file())
    assert KEY.encode() not in files and KEY not in done.stdout + done.stderr


def test_killed_at_any_moment_every_question_ends_once(tmp_path):
    with MisbehavingTeacher(latency=0.02) as server:
        killed_often(tmp_path, server, count=48, kills=3, seed=1)


@pytest.mark.slow
def test_five_hundred_questions_and_twenty_kills(tmp_path):
    with MisbehavingTeacher(latency=0.02) as server:
        killed_often(tmp_path, server, count=500, kills=20, seed=2)


def test_the_manifest_has_the_true_usage_and_the_second_start_does_nothing(tmp_path):
    with MisbehavingTeacher() as server:
        price = {"input_per_million": 2.0, "output_per_million": 10.0}
        shop(tmp_path, server, [f"films {n} #good" for n in range(10)], price=price)
        assert thriftune(tmp_path).returncode == 0
        figures = json.loads((tmp_path / "runs/live/manifest.json").read_text())["stages"]["teach"]["figures"]
        assert figures["prompt_tokens"] == 1000 and figures["usd"] == pytest.approx(0.007) and figures["kept"] == 10
        assert "done already" in thriftune(tmp_path).stderr and len(server.paid) == 10


def test_a_budget_that_ends_is_one_message_and_a_higher_one_goes_on(tmp_path):
    with MisbehavingTeacher() as server:
        texts = [f"films {n} #good" for n in range(20)]
        shop(tmp_path, server, texts, budget_tokens=2500, max_tokens=100)
        done = thriftune(tmp_path)
        assert done.returncode == 2 and "the budget ended before" in done.stderr and "Traceback" not in done.stderr
        first = len(server.paid)
        assert 0 < first < 20
        assert thriftune(tmp_path, "teacher.budget_tokens=100000").returncode == 0
        assert len(server.paid) == 20, "what was paid is not paid again"


@pytest.mark.parametrize("server_keys", [{"key": "another"}, {"model": "large"}])
def test_a_refusal_leaves_no_lessons(tmp_path, server_keys):
    with MisbehavingTeacher(**server_keys) as server:
        done = thriftune(shop(tmp_path, server, ["films #good"]))
    assert done.returncode == 2 and "Traceback" not in done.stderr and KEY not in done.stderr
    assert landed(tmp_path) == {}


def test_no_key_is_one_message_that_names_the_variable(tmp_path):
    with MisbehavingTeacher() as server:
        shop(tmp_path, server, ["films #good"], base_url="https://teacher.example/v1", key_env="NO_SUCH_KEY")
    done = thriftune(tmp_path)
    assert done.returncode == 2 and "NO_SUCH_KEY holds no key" in done.stderr


def test_a_dry_run_tells_the_bill_and_asks_nothing(tmp_path):
    with MisbehavingTeacher() as server:
        price = {"input_per_million": 2.0, "output_per_million": 10.0}
        shop(tmp_path, server, [f"films {n} #good" for n in range(10)], price=price, max_tokens=500)
        done = thriftune(tmp_path, "--dry-run")
        assert done.returncode == 0 and server.seen == []
    assert "10 questions" in done.stdout and "USD" in done.stdout
