"""`thriftune teach` with a live teacher over real HTTP: killed, capped, refused; every question ends exactly once."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from thriftune.testing.teacher import GENRES, MisbehavingTeacher

KEY = "sk-very-secret"
MAPPING = {"properties": {"genre": {"type": "keyword"}}}


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


class Killed:
    """Kills `thriftune teach` at random moments and keeps the books: what was in flight, what the cap was."""

    def __init__(self, folder: Path, server: MisbehavingTeacher, seed: int, cap: int) -> None:
        self.folder, self.server, self.cap = folder, server, cap
        self.chance = random.Random(seed)
        self.in_flight: Counter[str] = Counter()
        self.kills = self.stops = 0

    def once(self, requests: int) -> None:
        """Start the command and kill it after about so many answers; one that ends at the cap gets a higher cap."""
        words = command(self.folder, f"teacher.budget_tokens={self.cap}")
        process = subprocess.Popen(
            words, cwd=self.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = len(self.server.paid)
        wanted = self.chance.randrange(1, 2 * requests)
        while len(self.server.paid) < before + wanted and process.poll() is None:
            time.sleep(0.002)
        time.sleep(self.chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        code = process.wait()
        time.sleep(2 * self.server.latency + 0.1)  # the server ends what it has begun
        assert self.server.tokens <= self.cap
        if code == -signal.SIGKILL:
            self.kills += 1
            unsettled = set(self.server.keys[before:]) - settled(self.folder)
            assert len(unsettled) <= CONCURRENCY
            self.in_flight.update(unsettled)
        else:
            assert code == 2, "it ended by itself: only the cap can have done that"
            self.stops += 1
            self.cap += 15_000


CONCURRENCY = 4


def settled(folder: Path) -> set[str]:
    path = folder / "runs/live/teacher.sqlite"
    if not path.exists():
        return set()
    with closing(sqlite3.connect(path)) as database:
        return {key for (key,) in database.execute("select key from answers")}


def killed_often(folder: Path, server: MisbehavingTeacher, kills: int, seed: int, cap: int, **keys) -> Killed:
    killed = Killed(folder, server, seed, cap)
    while killed.kills < kills:
        killed.once(requests=keys["requests"])
    done = thriftune(folder)
    assert done.returncode == 0, done.stderr
    twice = {key: count - 1 for key, count in Counter(server.keys).items() if count > 1}
    assert all(count <= killed.in_flight[key] for key, count in twice.items()), "only what was in flight is asked again"
    assert set(landed(folder).values()) == {1}
    files = b"".join(path.read_bytes() for path in (folder / "runs").rglob("*") if path.is_file())
    assert KEY.encode() not in files and KEY not in done.stdout + done.stderr
    print(
        f"{kills} kills, {killed.stops} stops at the cap, {len(server.keys)} requests paid, {sum(twice.values())} twice"
    )
    return killed


KINDS = ["good", "429-after", "500", "broken", "script", "half", "good", "two"]


def own_questions(folder: Path, server: MisbehavingTeacher, count: int, **keys) -> None:
    texts = [f"films {n} #{KINDS[n % len(KINDS)]}" for n in range(count)]
    shop(folder, server, texts, concurrency=CONCURRENCY, timeout_seconds=20, max_tokens=200, **keys)


def test_killed_at_any_moment_every_question_ends_once(tmp_path):
    with MisbehavingTeacher(latency=0.02) as server:
        own_questions(tmp_path, server, 48)
        killed_often(tmp_path, server, kills=3, seed=1, cap=9_000, requests=12)
    assert landed(tmp_path) == {f"q{n}.0": 1 for n in range(48)}


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_hundred_questions_and_twenty_kills(tmp_path):
    with MisbehavingTeacher(latency=0.02) as server:
        own_questions(tmp_path, server, 500)
        killed = killed_often(tmp_path, server, kills=20, seed=2, cap=20_000, requests=12)
    assert landed(tmp_path) == {f"q{n}.0": 1 for n in range(500)}
    assert killed.stops, "the cap was met"


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
        stage = json.loads((tmp_path / "runs/live/manifest.json").read_text())["stages"]["teach"]
        assert stage["figures"]["prompt_tokens"] == 100 * len(server.paid), "what was paid is told also then"
        first = len(server.paid)
        assert 0 < first < 20
        assert thriftune(tmp_path, "teacher.budget_tokens=100000").returncode == 0
        assert len(server.paid) == 20, "what was paid is not paid again"


@pytest.mark.parametrize("server_keys", [{"key": "another"}, {"model": "large"}, None])
def test_a_refusal_or_no_server_is_one_message_and_leaves_the_manifest_alone(tmp_path, server_keys):
    with MisbehavingTeacher(**(server_keys or {})) as server:
        shop(tmp_path, server, [f"films {n} #good" for n in range(20)])
        done = thriftune(tmp_path) if server_keys else None
    done = done or thriftune(tmp_path)  # the server is down
    assert done.returncode == 2 and "Traceback" not in done.stderr and KEY not in done.stderr
    assert done.stderr.count("error: ") == 1
    left = {path.name for path in (tmp_path / "runs/live").iterdir()} - {".lock"}
    assert left == {"manifest.json"}


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
