"""Runs to show, the pages served by a process of their own, and a browser to look at them."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from thriftune.recipe import load as load_recipe
from thriftune.road import travel
from thriftune.testing import tiny

SCRIPT = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"
GENRES = [
    "Horror",
    "Comedy",
    "Drama",
    "War",
    "Crime",
    "Family",
    "Western",
    "Musical",
    "Mystery",
    "Sport",
    "Noir",
    SCRIPT,
]
TOKEN = "a-token-of-the-tests"
RECIPE = """
name: tiny
task: {{collections: {{films: {{mapping: mapping.json, documents: documents.jsonl}}}}}}
teacher: {{lessons: [lessons.jsonl]}}
dataset: {{test: 0.4, valid: 0.1}}
student: {{model: {student}}}
train: {{batch: 4, max_steps: {steps}, learning_rate: 1.0e-2, precision: fp32}}
evaluate: {{max_new_tokens: 60, bootstrap: 200, batch: 8, robust: false}}
plan: {{memory: 1GB}}
"""


def _write(folder):
    mapping = {"mappings": {"properties": {"genre": {"type": "keyword"}, "year": {"type": "integer"}}}}
    (folder / "mapping.json").write_text(json.dumps(mapping))
    documents = [{"genre": genre, "year": 1990 + n} for n, genre in enumerate(GENRES)]
    (folder / "documents.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    lines = [_lesson(number, genre) for number, genre in enumerate(GENRES)]
    (folder / "lessons.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _lesson(number, genre):
    clause = {"term": {"genre": genre}} if number % 2 else {"range": {"year": {"gte": 1990 + number}}}
    answer = json.dumps({"query": {"bool": {"filter": [clause]}}})
    response = f"<rationale>{genre} films are asked for.</rationale><answer>{answer}</answer>"
    return {
        "id": f"l{number:02}",
        "collection": "films",
        "questions": [f"which are {genre} films?"],
        "response": response,
    }


@pytest.fixture(scope="session")
def recipe(tmp_path_factory):
    """Return the recipe of the runs below, with so many steps of training."""
    folder = tmp_path_factory.mktemp("recipe")
    _write(folder)
    student = tiny.save(folder / "student")

    def make(steps=2):
        (folder / "recipe.yaml").write_text(RECIPE.format(student=student, steps=steps))
        return load_recipe(folder / "recipe.yaml")

    return make


@pytest.fixture(scope="session")
def _taught(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("taught")
    travel(recipe(), folder, ("teach", "dataset"))
    return folder


@pytest.fixture
def taught(_taught, tmp_path):
    """A run with twelve lessons, for one test."""
    return shutil.copytree(_taught, tmp_path / "runs" / "taught")


@pytest.fixture(scope="session")
def trained(recipe, tmp_path_factory):
    """A folder of two runs of a tiny student, evaluated."""
    folder = tmp_path_factory.mktemp("runs")
    for name, steps in (("short", 1), ("long", 6)):
        travel(recipe(steps), folder / name)
    return folder


class Pages:
    """`thriftune ui` in a process of its own."""

    def __init__(self, folder, port=0):
        command = [sys.executable, "-m", "thriftune.cli", "ui", str(folder), "--port", str(port)]
        settings = {**os.environ, "OMP_NUM_THREADS": "1", "THRIFTUNE_TOKEN": TOKEN}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=settings, cwd=folder)
        told = self.process.stderr.readline()
        found = re.search(r"open (http://127\.0\.0\.1:(\d+)/)", told)
        assert found, told + self.process.stderr.read()
        self.url, self.port = found[1], int(found[2])

    def address(self, path="", **values):
        rest = "".join(f"&{key}={value}" for key, value in values.items())
        return f"{self.url}{path}?token={TOKEN}{rest}"

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=30)
        self.process.stderr.close()


@pytest.fixture
def serve():
    """Serve a folder; what is served is stopped after the test."""
    pytest.importorskip("nicegui", reason="the pages need NiceGUI: pip install 'thriftune[ui]'")
    started = []

    def start(folder, port=0):
        started.append(Pages(folder, port))
        return started[-1]

    yield start
    for pages in started:
        if pages.process.poll() is None:
            pages.end()


@pytest.fixture(scope="session")
def chromium():
    """The system's Chromium, or a plain reason to skip."""
    from thriftune.testing.browser import browser, missing

    if reason := missing():
        pytest.skip(reason)
    with browser() as found:
        yield found


@pytest.fixture
def tab(chromium):
    """Open a tab at an address; all tabs are of one browser. What goes wrong in them is in `faults`."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(800_000)  # a busy machine is slow, not wrong; pytest's own limit ends what hangs
    outside, faults = [], []

    def start(address):
        page = context.new_page()
        page.on("request", lambda request: _local(request.url) or outside.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        page.wait_for_function("() => window.socket?.connected")  # a key before that is lost
        return page

    yield SimpleNamespace(open=start, outside=outside, faults=faults)
    context.close()


def _local(url):
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))
