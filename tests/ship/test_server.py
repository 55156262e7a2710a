"""The server as its clients see it: OpenAI's own, curl, and those who mean no good."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import openai
import pytest
import yaml

from thriftune.errors import UserError
from thriftune.recipe import load as load_recipe
from thriftune.road import travel

MODEL = "tiny/films"
ASKED = [{"role": "user", "content": "war films"}]


class Server:
    """`thriftune serve` in a process of its own."""

    def __init__(self, run, *words, **environment):
        command = [sys.executable, "-m", "thriftune.cli", "serve", str(run), "--port", "0", *words]
        settings = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=settings)
        self.told = []
        for line in self.process.stderr:
            self.told.append(line)
            if found := re.search(r"listening on (http://\S+:(\d+)/v1)", line):
                self.url, self.port = found[1], int(found[2])
                break
        else:
            raise AssertionError("".join(self.told))
        threading.Thread(target=lambda: self.told.extend(self.process.stderr), daemon=True).start()

    def client(self, key="none"):
        return openai.OpenAI(api_key=key, base_url=self.url, max_retries=0, timeout=60)

    def post(self, body, path="/chat/completions", **headers):
        """Return (status, body) of a raw request."""
        base = self.url.removesuffix("/v1") if path == "/search" else self.url
        request = urllib.request.Request(base + path, body, {"Content-Type": "application/json", **headers})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get(self, path):
        with urllib.request.urlopen(self.url.removesuffix("/v1") + path, timeout=60) as response:
            return response.read().decode()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def server(run):
    started = Server(run, "--search", "--body-seconds", "2")
    yield started
    started.stop()


def test_the_openai_client_lists_models_and_asks(server, run):
    client = server.client()
    names = {"tiny/films", "tiny/shows"}
    assert {model.id for model in client.models.list()} == names | {f"{name}:explain" for name in names}
    answer = client.chat.completions.create(model=MODEL, messages=ASKED)
    assert answer.choices[0].message.content.startswith('{"') and answer.model == MODEL
    assert answer.usage.prompt_tokens > 10 and answer.usage.total_tokens > answer.usage.completion_tokens > 0
    from thriftune import load

    with load(run) as predictor:  # what is served is what is predicted
        assert predictor.predict(["war films"], "films")[0].text == answer.choices[0].message.content


def test_a_stream_brings_the_same_in_pieces(server):
    whole = server.client().chat.completions.create(model=MODEL, messages=ASKED)
    events = list(
        server.client().chat.completions.create(
            model=MODEL, messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [event.choices[0].delta.content for event in events if event.choices and event.choices[0].delta.content]
    assert "".join(pieces) == whole.choices[0].message.content and len(pieces) > 3
    assert events[-1].usage == whole.usage
    assert [e.choices[0].finish_reason for e in events if e.choices][-1] == whole.choices[0].finish_reason


def test_a_short_answer_says_that_it_is_cut_off(server):
    answer = server.client().chat.completions.create(model=MODEL, messages=ASKED, max_tokens=3)
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 3


def test_an_answer_obeys_the_schema_that_is_sent(server):
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = server.client().chat.completions.create(model=MODEL, messages=ASKED, response_format=form)
    assert json.loads(answer.choices[0].message.content)["n"] in (1, 2)
    refused = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "array", "uniqueItems": True}}}
    with pytest.raises(openai.BadRequestError, match="uniqueItems"):
        server.client().chat.completions.create(model=MODEL, messages=ASKED, response_format=refused)


def test_the_reason_comes_before_the_answer_as_a_teacher_gives_it(server):
    from thriftune.teach.parse import Parsed, parse

    plain = server.client().chat.completions.create(model=MODEL, messages=ASKED).choices[0].message.content
    for form in ({"type": "text"}, {"type": "json_object"}):
        answer = server.client().chat.completions.create(
            model=MODEL + ":explain", messages=[{"role": "system", "content": "x"}, *ASKED], response_format=form
        )
        found = parse(answer.choices[0].message.content)
        assert isinstance(found, Parsed) and found.label == plain and found.rationale


@pytest.mark.parametrize("output", ["tags", "json_schema"])
def test_it_teaches_another_run(server, run, tmp_path, monkeypatch, output):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    asked = {"id": "a", "collection": "films", "questions": ["war films", "dramas of 1992"]}
    (tmp_path / "questions.jsonl").write_text(json.dumps(asked) + "\n")
    recipe = yaml.safe_load((run.parent / "recipe.yaml").read_text())
    for collection in recipe["task"]["collections"].values():
        collection.update({name: str(run.parent / file) for name, file in collection.items()})
    teacher = {"kind": "openai", "model": f"{MODEL}:explain", "base_url": server.url, "output": output}
    recipe["teacher"] = teacher | {"questions": ["questions.jsonl"], "asks_again": False, "examples": 0}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    with contextlib.suppress(UserError):  # of a student trained for two steps perhaps nothing can be learned
        travel(load_recipe(tmp_path / "recipe.yaml"), tmp_path / "taught", ("teach",))
    files = [tmp_path / "taught" / name for name in ("lessons.jsonl", "rejects.jsonl")]
    landed = [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]
    assert len(landed) == 2
    form = {"teacher_error", "no_response", "no_rationale", "no_answer", "broken_json", "nested_tags"}
    assert not form & {record.get("reason") for record in landed}, landed


def test_curl_asks_and_searches(server):
    curl = shutil.which("curl")
    if not curl:
        pytest.skip("there is no curl")
    body = json.dumps({"model": MODEL, "messages": ASKED})
    line = [curl, "-s", f"{server.url}/chat/completions", "-H", "Content-Type: application/json", "-d", body]
    assert json.loads(subprocess.run(line, capture_output=True, timeout=60).stdout)["object"] == "chat.completion"


def test_a_search_returns_the_query_and_what_it_finds(server):
    status, body = server.post(b'{"question": "war films", "collection": "films", "size": 3}', "/search")
    found = json.loads(body)
    assert status == 200 and found["query"].startswith('{"') and len(found["rows"]) <= 3
    assert (found["total"] is None) == bool(found["fault"])


BAD = {
    "no JSON": (b"{", 400),
    "no UTF-8": (b'{"model": "\xff"}', 400),
    "half of a surrogate pair": (b'{"model": "\\ud800"}', 400),
    "not a number": (b'{"model": NaN}', 400),
    "10,000 levels": (b"[" * 10_000 + b"]" * 10_000, 400),
    "100 levels": (b"[" * 100 + b"]" * 100, 400),
    "no object": (b"[]", 400),
    "no messages": (b'{"model": "tiny/films"}', 400),
    "no question": (b'{"model": "tiny/films", "messages": [{"role": "user", "content": " "}]}', 400),
    "two answers": (b'{"model": "tiny/films", "n": 2, "messages": [{"role": "user", "content": "a"}]}', 400),
    "another model": (b'{"model": "tiny/books", "messages": [{"role": "user", "content": "a"}]}', 404),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_bad_request_is_refused(server, name):
    body, wanted = BAD[name]
    status, told = server.post(body)
    assert status == wanted and json.loads(told)["error"]["message"]


def test_a_schema_of_10000_levels_is_refused(server):
    deep = '{"items":' * 10_000 + "{}" + "}" * 10_000
    form = f'{{"type": "json_schema", "json_schema": {{"name": "x", "schema": {deep}}}}}'
    body = f'{{"model": "{MODEL}", "messages": {json.dumps(ASKED)}, "response_format": {form}}}'
    status, told = server.post(body.encode())
    assert status == 400 and "deep" in json.loads(told)["error"]["message"]


def test_a_body_of_100_megabytes_is_refused(server):
    status, told = server.post(b" " * 100_000_000)
    assert status == 413 and b"bytes" in told


def test_what_a_page_in_a_browser_could_send_is_refused(server):
    status, _ = server.post(json.dumps({"model": MODEL, "messages": ASKED}).encode(), **{"Content-Type": "text/plain"})
    assert status == 415


def test_there_is_nothing_at_other_paths(server):
    assert server.post(b"{}", "/embeddings")[0] == 404


@pytest.mark.parametrize("start", [b"", b"POST /v1/chat/completions HTT", b"GET /health HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_a_head_that_comes_slowly_is_given_up(server, start):
    heard = _slowly(server.port, start, b"a")
    assert heard.startswith(b"HTTP/1.1 408"), heard


def test_a_body_that_comes_slowly_is_given_up(server):
    lines = [
        b"POST /v1/chat/completions HTTP/1.1",
        b"Host: x",
        b"Content-Type: application/json",
        b"Content-Length: 500",
    ]
    head = b"\r\n".join([*lines, b"", b""])
    assert _slowly(server.port, head, b" ").startswith(b"HTTP/1.1 408")


def _slowly(port: int, start: bytes, drop: bytes) -> bytes:
    """Send a byte now and then; return what the server says."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(start)
        connection.settimeout(0.3)
        for _ in range(40):
            try:
                return connection.recv(4096)
            except TimeoutError:
                connection.sendall(drop if start else b"")
    return b"nothing"


def test_health_and_figures(server):
    assert json.loads(server.get("/health"))["status"] == "ok"
    server.client().chat.completions.create(model=MODEL, messages=ASKED)
    figures = server.get("/metrics")
    assert re.search(r'^thriftune_responses_total\{path="/v1/chat/completions",status="200"\} [1-9]', figures, re.M)
    assert all(re.fullmatch(r"# TYPE \w+ \w+|\w+(\{[^}]*\})? [\d.]+", line) for line in figures.splitlines()), figures


def test_a_token_is_asked_for_where_there_is_one(run):
    server = Server(run, THRIFTUNE_TOKEN="a secret")
    try:
        assert server.client("a secret").models.list().data
        for wrong in ("another", "a secre", "ä"):
            status, told = server.post(b"{}", Authorization=f"Bearer {wrong}".encode().decode("latin-1"))
            assert status == 401 and b"token" in told
        assert server.post(b"{}")[0] == 401 and json.loads(server.get("/health"))["status"] == "ok"
    finally:
        server.stop()


def test_an_open_address_needs_a_token(run):
    words = [sys.executable, "-m", "thriftune.cli", "serve", str(run), "--host", "0.0.0.0"]
    environment = {name: value for name, value in os.environ.items() if name != "THRIFTUNE_TOKEN"}
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2 and "THRIFTUNE_TOKEN" in done.stderr and "Traceback" not in done.stderr


def test_too_many_hear_when_to_come_back_and_the_others_are_answered(run):
    server, heard = Server(run, "--waiting", "2"), []
    body = json.dumps({"model": MODEL, "messages": ASKED}).encode()

    def ask():
        request = urllib.request.Request(f"{server.url}/chat/completions", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                heard.append((response.status, None))
        except urllib.error.HTTPError as error:
            heard.append((error.code, error.headers["Retry-After"]))

    try:
        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(heard) == 24 and {status for status, _ in heard} == {200, 429}
        assert all(int(wait) >= 1 for status, wait in heard if status == 429)
    finally:
        server.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_what_it_has_begun(run, number):
    server = Server(run)
    stream = iter(server.client().chat.completions.create(model=MODEL, messages=ASKED, stream=True))
    next(stream)  # it has begun
    server.process.send_signal(number)
    rest = list(stream)
    assert rest[-1].choices[0].finish_reason in ("stop", "length"), rest[-1]
    assert server.process.wait(60) == 0, "".join(server.told)
    assert not any("Traceback" in line for line in server.told), "".join(server.told)


def test_killed_in_the_middle_of_a_response_no_client_hangs(run):
    server = Server(run)
    stream = server.client().chat.completions.create(model=MODEL, messages=ASKED, stream=True)
    next(iter(stream))
    server.process.kill()
    started = time.monotonic()
    try:
        for _ in stream:
            pass
    except Exception as error:
        assert "connection" in str(error).lower() or "peer" in str(error).lower(), error
    assert time.monotonic() - started < 10
