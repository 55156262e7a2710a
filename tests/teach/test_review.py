"""Lessons are reviewed in a real terminal: decided, edited, undone, killed and resumed; the dataset follows."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from thriftune.files import append_record, write_records
from thriftune.records import Lesson, Question
from thriftune.runs import Run
from thriftune.teach.review import Terminal, walk
from thriftune.teach.reviews import REVIEWS, Review, changes, id_of, reviewed, standing

from .test_stage import Finds

LESSONS = [
    Lesson(
        question=Question(id=f"q{n}", collection="c", text=f"ask for {thing}", meaning=f"q{n}"),
        rationale="r",
        label=f"find {thing}",
    )
    for n, thing in enumerate(["tea", "cake", "milk"])
]


def hold(run: Run, *keys: str, edits: tuple[str | None, ...] = ()) -> list[str]:
    """Walk with these keys typed and these texts left by the editor; return what was shown."""
    typed, left, shown = iter(keys), iter(edits), []

    def ask(prompt: str) -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    walk(run, Finds(), Terminal(ask, shown.append, lambda text: next(left)))
    return shown


@pytest.fixture
def run(tmp_path) -> Run:
    write_records(tmp_path / "lessons.jsonl", LESSONS)
    return Run(tmp_path)


def test_decisions_are_a_layer_above_the_record(run):
    before = run.path("lessons.jsonl").read_bytes()
    text = "ask for\n pie \n<rationale>why</rationale><answer>find  pie</answer>"
    shown = hold(run, "a", "r", "e", edits=(text,))
    assert shown[-1] == "Every lesson has its decision." and "1 of 3 · q0" in shown[0]
    kept = reviewed(run, LESSONS)
    assert [(lesson.question.id, lesson.question.text, lesson.label) for lesson in kept] == [
        ("q0", "ask for tea", "find tea"),
        ("q2", "ask for pie", "find pie"),
    ]
    assert run.path("lessons.jsonl").read_bytes() == before and len(changes(run, LESSONS)) == 2


def test_it_goes_on_where_it_stopped_and_undo_reaches_back(run):
    hold(run, "a", "r")
    shown = hold(run, "u", "u", "u", "r", "?", "q")
    assert "3 of 3 · q2" in shown[0] and shown[1] == "Undone: reject of q1." and "q1" in shown[2]
    assert shown[5] == "There is nothing to undo." and any(text.startswith("Type one of") for text in shown)
    assert [review.action for review in standing(run, LESSONS)] == ["reject"]
    assert len(run.path(REVIEWS).read_text().splitlines()) == 5, "the record of decisions only grows"


def test_an_edit_that_does_not_run_is_not_kept(run):
    bad = "x <rationale>r</rationale><answer>look tea</answer>"
    shown = hold(run, "e", "", "q", edits=(bad,))
    assert any("unmapped_field: no field [look]" in line for line in shown) and not standing(run, LESSONS)
    good = bad.replace("look", "find")
    hold(run, "e", "e", "q", edits=(bad, good))
    assert reviewed(run, LESSONS)[0].label == "find tea" and len(standing(run, LESSONS)) == 1


@pytest.mark.parametrize("left", [None, "ask for tea\n\n<rationale>\nr\n</rationale>\n<answer>\nfind tea\n</answer>\n"])
def test_an_editor_that_changes_nothing_or_fails_decides_nothing(run, left):
    assert "Nothing is changed." in hold(run, "e", "q", edits=(left,)) and not standing(run, LESSONS)


def test_a_decision_belongs_to_the_lesson_that_was_seen(run):
    hold(run, "r", "q")
    other = [LESSONS[0].model_copy(update={"label": "find coffee"}), *LESSONS[1:]]
    assert reviewed(run, other) == other and reviewed(run, LESSONS) == LESSONS[1:]


def test_half_a_decision_after_a_kill_is_none(run):
    hold(run, "r", "q")
    with run.path(REVIEWS).open("a") as file:
        file.write('{"question_id": "q1", "se')
    assert reviewed(run, LESSONS) == LESSONS[1:]
    append_record(run.path(REVIEWS), Review(question_id="q1", seen=id_of(LESSONS[1]), action="reject"))
    assert reviewed(run, LESSONS) == LESSONS[2:]


# the command, at a pseudo-terminal


class Typist:
    """Runs the real command at a pseudo-terminal, waits for texts and types."""

    def __init__(self, folder: Path, editor: str) -> None:
        self.text = ""
        self._master, slave = pty.openpty()
        words = [sys.executable, "-m", "thriftune.cli", "teach", "recipe.yaml", "--out", "run", "--review"]
        environment = {**os.environ, "EDITOR": editor, "VISUAL": "", "TERM": "dumb", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            words, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)

    def wait(self, text: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.text and time.monotonic() < deadline:
            if select.select([self._master], [], [], 0.2)[0]:
                with suppress(OSError):  # the other end is closed
                    self.text += os.read(self._master, 4096).decode(errors="replace")
            elif self.process.poll() is not None:
                break
        assert text in self.text, f"{text!r} did not come; there was:\n{self.text}"
        self.text = self.text.partition(text)[2]

    def type(self, key: str) -> None:
        self.wait("[q]uit > ")
        os.write(self._master, f"{key}\n".encode())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._master)

    def end(self) -> int:
        self.wait("manifest  run/manifest.json")
        code = self.process.wait(timeout=60)
        os.close(self._master)  # not before: what it still writes would fail
        return code


STOCK = ["tea", "coffee", "cake", "bread", "milk", "salt"]
EDITOR = f"""{sys.executable} -c "
import sys, pathlib
path = pathlib.Path(sys.argv[1])
path.write_text(path.read_text().replace('do you sell', 'is there any'))
" """


def shop(folder: Path) -> None:
    (folder / "mapping.json").write_text('{"properties": {"name": {"type": "keyword"}}}')
    (folder / "stock.jsonl").write_text("".join(json.dumps({"name": name}) + "\n" for name in STOCK))
    rows = [
        {
            "prompt": f"do you sell {name} here",
            "dsl": {"query": {"term": {"name": name}}},
            "rationale": f"{name} is a name",
        }
        for name in STOCK
    ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = {
        "name": "shop",
        "task": {"collections": {"shop": {"mapping": "mapping.json", "documents": "stock.jsonl"}}},
        "teacher": {"lessons": ["answers.jsonl"]},
        "dataset": {"test": 0.3},
    }
    (folder / "recipe.yaml").write_text(json.dumps(recipe))


def questions(folder: Path) -> set[str]:
    parts = [folder / f"run/dataset/{name}.jsonl" for name in ("train", "valid", "test")]
    return {json.loads(line)["question"]["text"] for part in parts for line in part.read_text().splitlines()}


def stage(folder: Path) -> dict:
    return json.loads((folder / "run/manifest.json").read_text())["stages"]["dataset"]


def test_reviewed_at_a_terminal_killed_and_resumed(tmp_path):
    shop(tmp_path)
    first = Typist(tmp_path, EDITOR)
    first.wait("do you sell tea here")
    first.type("r")
    first.wait("do you sell coffee here")
    first.type("a")
    first.wait("do you sell cake here")
    first.kill()
    assert [json.loads(line)["action"] for line in (tmp_path / "run" / REVIEWS).read_text().splitlines()] == [
        "reject",
        "accept",
    ]

    second = Typist(tmp_path, EDITOR)
    second.wait("3 of 6")
    second.type("u")
    second.wait("Undone: accept of ")
    second.wait("do you sell coffee here")
    second.type("e")
    second.wait("do you sell cake here")
    second.type("q")
    assert second.end() == 0
    before = stage(tmp_path)
    assert before["figures"]["reviewed"] == {"reject": 1, "edit": 1}
    asked = questions(tmp_path)
    assert "do you sell tea here" not in asked and "is there any coffee here" in asked
    assert len(asked) == 5

    third = Typist(tmp_path, EDITOR)
    third.wait("do you sell cake here")
    third.type("r")
    third.type("q")
    assert third.end() == 0
    assert stage(tmp_path)["id"] != before["id"] and "do you sell cake here" not in questions(tmp_path)
