"""A real server given by URL: a search process of its own, behind a gate that can refuse, delay, break and count."""

import base64
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from thriftune.errors import EngineError
from thriftune.recipe import Recipe
from thriftune.records import Question
from thriftune.tasks.build import build
from thriftune.tasks.query_dsl.engine import embedded
from thriftune.testing import tiny

USER, PASSWORD = "reader", "s3cret-of-the-server"
GENRES = ["Horror", "Comedy", "Drama", "War", "Crime", "Family", "Western", "Musical", "Mystery", "Sport"]
MAPPING = {"properties": {"genre": {"type": "keyword"}, "year": {"type": "integer"}}}
DOCUMENTS = [{"_id": str(n), "genre": genre, "year": 1990 + n} for n, genre in enumerate(GENRES * 2)]


class Gate(ThreadingHTTPServer):
    """Passes requests on to a server, with basic authentication, and keeps what was asked."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Pass)
        self.target = target
        self.asked: list[tuple[str, str, bytes]] = []
        self.slow: bytes = b""  # requests that hold these bytes wait
        self.wait = 0.0
        self.closes_after: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Pass(BaseHTTPRequestHandler):
    def _pass(self) -> None:
        gate: Gate = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gate.asked.append((self.command, self.path, body))
        if gate.closes_after is not None and len(gate.asked) > gate.closes_after:
            self.connection.close()
            return None
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            return self._reply(401, b'{"error":"Unauthorized","status":401}')
        if gate.slow and gate.slow in body:
            time.sleep(gate.wait)
        request = urllib.request.Request(gate.target + self.path, body or None, method=self.command)
        request.add_header("Content-Type", self.headers.get("Content-Type") or "application/json")
        try:
            with urllib.request.urlopen(request) as reply:
                self._reply(reply.status, reply.read())
        except urllib.error.HTTPError as error:
            self._reply(error.code, error.read())

    def _reply(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # the client gave up

    def log_message(self, *_: object) -> None:
        pass

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass


@pytest.fixture(scope="module")
def server():
    with embedded() as running:
        running.load("films", MAPPING, DOCUMENTS)
        running.load("payroll", {"properties": {"names": {"type": "keyword"}}}, [{"_id": "1", "names": ["Horror"]}])
        yield running.url


@pytest.fixture
def gate(server, monkeypatch):
    monkeypatch.setenv("THRIFTUNE_ENGINE_USER", USER)
    monkeypatch.setenv("THRIFTUNE_ENGINE_PASSWORD", PASSWORD)
    gate = Gate(server)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    yield gate
    gate.shutdown()
    gate.server_close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mapping.json").write_text(json.dumps({"films": {"mappings": MAPPING}}))
    (tmp_path / "documents.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    lessons = [
        {
            "id": f"l{n}",
            "collection": "films",
            "questions": [f"which films are of the kind {genre}?", f"{genre} please, {n} times asked"],
            "response": f"<rationale>{genre} is an exact term on genre.</rationale>"
            f'<answer>{{"query":{{"term":{{"genre":"{genre}"}}}}}}</answer>',
        }
        for n, genre in enumerate(GENRES)
    ]
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    return tmp_path


def recipe(folder: Path, gate: Gate, timeout: float = 10.0) -> dict:
    collection = {"mapping": str(folder / "mapping.json"), "documents": str(folder / "documents.jsonl")}
    return {
        "name": "by-url",
        "task": {"engine": {"url": gate.url, "timeout_seconds": timeout}, "collections": {"films": collection}},
        "teacher": {"lessons": [str(folder / "lessons.jsonl")]},
        "dataset": {"test": 0.3, "valid": 0.1},
        "student": {"model": str(tiny.save(folder / "student", "causal"))},
        "train": {"batch": 4, "epochs": 1, "precision": "fp32"},
        "evaluate": {"max_new_tokens": 16, "bootstrap": 200},
    }


@pytest.fixture
def task(folder, gate):
    task = build(Recipe.model_validate(recipe(folder, gate, timeout=1.0)))
    yield task
    task.close()


def thriftune(folder: Path, values: dict) -> subprocess.CompletedProcess[str]:
    (folder / "recipe.yaml").write_text(json.dumps(values))  # JSON is YAML
    command = [sys.executable, "-m", "thriftune.cli", "run", "recipe.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)


def question(text: str = "horror") -> Question:
    return Question(id="q", collection="films", text=text, meaning="q")


def term(genre: str) -> str:
    return json.dumps({"query": {"term": {"genre": genre}}})


def test_the_whole_road_runs_on_a_server_and_only_searches_it(folder, gate):
    done = thriftune(folder, recipe(folder, gate))
    assert done.returncode == 0, done.stderr
    assert gate.asked, "the server was asked"
    assert {(method, path) for method, path, _ in gate.asked} == {("GET", "/"), ("POST", "/films/_msearch")}
    kept = "".join(
        p.read_text(errors="ignore") for p in (folder / "runs").rglob("*") if p.suffix in (".json", ".jsonl")
    )
    assert PASSWORD not in kept + done.stdout + done.stderr


def test_wrong_credentials_are_one_message(folder, gate, monkeypatch):
    monkeypatch.setenv("THRIFTUNE_ENGINE_PASSWORD", "wrong-one")
    done = thriftune(folder, recipe(folder, gate))
    assert done.returncode == 2 and "refuses the credentials (HTTP 401)" in done.stderr
    assert "Traceback" not in done.stderr and "wrong-one" not in done.stderr


def test_a_server_gone_half_way_is_one_message_and_a_second_run_goes_on(folder, gate):
    gate.closes_after = 10  # the first request asks what the server is
    done = thriftune(folder, recipe(folder, gate))
    assert done.returncode == 2 and "cannot reach the search engine" in done.stderr and "Traceback" not in done.stderr
    kept = (folder / "runs/by-url/lessons.jsonl").read_text().splitlines()
    assert len(kept) == 9, "every answer judged before is kept"
    gate.closes_after = None
    gate.asked.clear()
    assert thriftune(folder, recipe(folder, gate)).returncode == 0
    assert (folder / "runs/by-url/lessons.jsonl").read_text().splitlines()[:9] == kept


def test_a_slow_query_is_a_verdict_and_the_next_is_judged(task, gate):
    assert task.judge(question(), term("Horror"), term("Horror")).execution_match
    gate.slow, gate.wait = b"Western", 3.0
    started = time.monotonic()
    verdict = task.judge(question(), term("Horror"), term("Western"))
    assert (verdict.valid, verdict.fault, verdict.execution_match) == (False, "limit:time", False)
    assert time.monotonic() - started < 8
    assert task.judge(question(), term("Horror"), term("Comedy")).fault == "wrong_result"


def test_a_server_that_stopped_half_way_is_a_verdict(task):
    half = {"timed_out": True, "hits": {"hits": [], "total": {"value": 0}}}
    task.engine.__dict__["_client"] = lambda *_: {"responses": [half]}
    assert task.check(question(), term("Horror")).fault == "limit:time"


def test_a_server_without_room_is_not_called_wrong(task):
    refused = {"error": {"root_cause": [{"type": "es_rejected_execution_exception", "reason": "full"}]}, "status": 429}
    task.engine.__dict__["_client"] = lambda *_: {"responses": [refused]}
    verdict = task.check(question(), term("Horror"))
    assert (verdict.fault, verdict.execution_match) == ("unsupported", None)


def test_the_server_is_told_when_to_stop(task, gate):
    task.check(question(), term("Horror"))
    assert b'"timeout": "1000ms"' in gate.asked[-1][2]


def test_no_other_index_is_read(task, gate):
    before = len(gate.asked)
    elsewhere = json.dumps({"query": {"terms": {"genre": {"index": "payroll", "id": "1", "path": "names"}}}})
    assert task.check(question(), elsewhere).fault == "limit:index"
    assert len(gate.asked) == before, "it was not even sent"


def test_sources_of_documents_are_not_fetched(task, gate):
    task.check(question(), json.dumps({"query": {"match_all": {}}, "size": 9}))
    assert [json.loads(line)["_source"] for line in gate.asked[-1][2].splitlines()[1::2]] == [False]
    task.check(question(), json.dumps({"query": {"match_all": {}}, "explain": True}))  # what is sent as it stands too
    bodies = [json.loads(line) for line in gate.asked[-1][2].splitlines()[1::2]]
    assert [body["_source"] for body in bodies] == [False, False]


def test_a_server_that_is_not_there(folder, gate):
    values = recipe(folder, gate)
    values["task"]["engine"]["url"] = "http://127.0.0.1:9"
    task = build(Recipe.model_validate(values))
    with pytest.raises(EngineError, match=r"cannot reach the search engine at http://127\.0\.0\.1:9"):
        task.check(question(), term("Horror"))
    task.close()
