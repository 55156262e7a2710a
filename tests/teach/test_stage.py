"""Every answer of the teacher lands in exactly one of lessons and rejects, whenever the stage is stopped."""

import io
import json
from collections import Counter

import pytest

from thriftune.errors import InputError
from thriftune.files import read_records, write_records
from thriftune.progress import Progress
from thriftune.prompts import Prompt
from thriftune.recipe import Teacher
from thriftune.records import Lesson, Question, Reject, Verdict
from thriftune.runs import Run
from thriftune.teach.build import identity
from thriftune.teach.doubts import DOUBTS, Doubt, read
from thriftune.teach.stage import LESSONS, REJECTS, teach
from thriftune.teach.teachers import RecordedTeacher

ANSWERS = {
    "q0": "<rationale>né – 日本</rationale><answer>find  tea</answer>",
    "q1": "<rationale>r</rationale><answer>look coffee</answer>",
    "q2": "no tags at all",
    "q3": "<rationale>r</rationale><answer>find nothing</answer>",
    "q4": "<rationale>r</rationale><answer>```\nfind cake\n```</answer>",
    "q5": "<rationale>r</rationale><answer>find half \ud83d</answer>",
    "q6": "<rationale>r</rationale><answer>find bread</answer>",
}
EXPECTED = {
    "q0": "lesson",
    "q1": "unmapped_field",
    "q2": "no_rationale",
    "q3": "empty_result",
    "q4": "lesson",
    "q5": "not_unicode",
    "q6": "lesson",
}


class Finds:
    """A task whose answers are `find THING`: two words, executed by looking at them."""

    def __init__(self, breaks_at: str = "") -> None:
        self.asked: list[str] = []
        self._breaks_at = breaks_at

    def identity(self) -> str:
        return "finds"

    def prompt(self, question: Question) -> Prompt:
        return Prompt("find", question.text)

    def check(self, question: Question, label: str) -> Verdict:
        if question.id == self._breaks_at:
            raise KeyboardInterrupt
        self.asked.append(question.id)
        verb, thing = label.split()
        if verb != "find":
            return Verdict(question_id=question.id, valid=False, fault="unmapped_field", detail=f"no field [{verb}]")
        return Verdict(question_id=question.id, valid=True, gold_empty=thing == "nothing")

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        return Verdict(question_id=question.id, valid=True, execution_match=gold == predicted)

    def families(self, label: str) -> tuple[str, ...]:
        return (label.split()[0],)

    def tidy(self, label: str) -> str:
        return " ".join(label.split())

    def close(self) -> None:
        pass


class Spoken:
    """A teacher who answers from a dictionary."""

    name = "spoken"

    def __init__(self, answers: dict[str, str]) -> None:
        self._answers = answers

    def identity(self) -> str:
        return "spoken"

    @property
    def count(self):
        return len(self._answers)

    def again(self, question, response, fault):
        return False

    def figures(self):
        return {}

    def answers(self, done=()):
        for name, response in self._answers.items():
            yield Question(id=name, collection="c", text=f"ask {name} – ü", meaning=name), response


def start(run: Run, task: Finds, answers: dict[str, str] = ANSWERS) -> dict:
    return teach(run, task, Spoken(answers), Progress("teach", io.StringIO()))


def landed(run: Run) -> list[tuple[str, str]]:
    lessons = [(lesson.question.id, "lesson") for lesson in read_records(run.path(LESSONS), Lesson)]
    return sorted(lessons + [(reject.question.id, reject.reason) for reject in read_records(run.path(REJECTS), Reject)])


def test_every_answer_lands_where_its_first_fault_says(tmp_path):
    run = Run(tmp_path)
    figures = start(run, Finds())
    assert dict(landed(run)) == EXPECTED and len(landed(run)) == len(EXPECTED)
    assert figures["kept"] == 3 and figures["meanings"] == 3
    assert figures["rejected"] == Counter(reason for reason in EXPECTED.values() if reason != "lesson")
    first = read_records(run.path(LESSONS), Lesson)[0]
    assert (first.rationale, first.label, first.families) == ("né – 日本", "find tea", ("find",))
    reject = read_records(run.path(REJECTS), Reject)[0]
    assert reject.detail == "no field [look]" and reject.response == ANSWERS["q1"], "the whole response is kept"


@pytest.mark.parametrize("broken", [name for name in EXPECTED if EXPECTED[name] not in ("no_rationale", "not_unicode")])
def test_an_interruption_in_the_middle_costs_no_answer_and_doubles_none(tmp_path, broken):
    run = Run(tmp_path)
    first, second = Finds(breaks_at=broken), Finds()
    with pytest.raises(KeyboardInterrupt):
        run.stage("teach", "id", [LESSONS, REJECTS], lambda: start(run, first))
    assert Run(tmp_path).manifest["stages"]["teach"]["status"] == "stopped: interrupted"
    run = Run(tmp_path)
    assert run.stage("teach", "id", [LESSONS, REJECTS], lambda: start(run, second))
    assert landed(run) == sorted(EXPECTED.items())
    assert not set(first.asked) & set(second.asked), "no answer is executed twice"
    assert run.figures("teach")["kept"] == 3


@pytest.mark.parametrize("name", [LESSONS, REJECTS])
def test_a_kill_at_any_byte_costs_only_the_record_in_flight(tmp_path, name):
    run = Run(tmp_path)
    start(run, Finds())
    whole = run.path(name).read_bytes()
    for size in range(0, len(whole), 3):
        run.path(name).write_bytes(whole[:size])
        start(run, Finds())
        assert run.path(name).read_bytes().rstrip(b"\n") == whole.rstrip(b"\n"), f"cut at byte {size}"
        assert landed(run) == sorted(EXPECTED.items())


class Twice(Spoken):
    """Gives each refused answer back once, and answers better then."""

    def answers(self, done=()):
        self.better: dict[str, str] = {}
        for question, response in super().answers(done):
            yield question, response
            if question.id in self.better:
                yield question, self.better.pop(question.id)

    def again(self, question, response, fault):
        if question.id in ("q1", "q2") and response == ANSWERS[question.id]:
            self.better[question.id] = ANSWERS["q0"] if question.id == "q1" else "no tags again"
            return True
        return False


def test_a_lesson_of_the_second_try_is_doubted_and_one_of_the_first_is_not(tmp_path):
    run = Run(tmp_path)
    for _ in range(2):  # killed before the lesson landed, the doubt is written again and read once
        teach(run, Finds(), Twice(ANSWERS), Progress("teach", io.StringIO()))
        lessons = read_records(run.path(LESSONS), Lesson)
        assert read(run.path(DOUBTS)) == {
            "q1": [Doubt(question_id="q1", reason="second_try", detail="unmapped_field: no field [look]")]
        }
        write_records(run.path(LESSONS), [lesson for lesson in lessons if lesson.question.id != "q1"])
    assert len(run.path(DOUBTS).read_text().splitlines()) == 2


def test_a_second_start_asks_nothing(tmp_path):
    run, again = Run(tmp_path), Finds()
    figures = start(run, Finds())
    assert start(run, again) == figures and again.asked == []


def test_an_id_that_comes_twice_is_done_once(tmp_path):
    class Stammers(Spoken):
        def answers(self, done=()):
            yield from super().answers()
            yield from super().answers()

    run = Run(tmp_path)
    teach(run, Finds(), Stammers(ANSWERS), Progress("teach", io.StringIO()))
    assert landed(run) == sorted(EXPECTED.items())


def test_no_lesson_at_all_is_one_message_that_counts_the_reasons(tmp_path):
    run = Run(tmp_path)
    bad = {f"q{n}": ANSWERS["q1"] for n in range(3)} | {"q9": ANSWERS["q2"]}
    with pytest.raises(InputError) as caught:
        start(run, Finds(), bad)
    text = str(caught.value)
    assert text.startswith("none of 4 answers became a lesson: unmapped_field (3), no_rationale (1).")
    assert str(run.path(REJECTS)) in text and len(read_records(run.path(REJECTS), Reject)) == 4


def test_a_teacher_without_answers_is_one_message(tmp_path):
    with pytest.raises(InputError, match="the teacher gave no answers"):
        start(Run(tmp_path), Finds(), {})


# the recorded teacher


def recorded(folder, *lines: dict, name: str = "lessons.jsonl") -> str:
    (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(folder / name)


def line(identity: str, *questions: str) -> dict:
    return {"id": identity, "collection": "c", "questions": questions or ["q"], "response": "r"}


def test_each_wording_is_a_question_of_one_meaning(tmp_path):
    path = recorded(tmp_path, line("a", "one", "two"), line("b", "three"))
    asked = [question for question, _ in RecordedTeacher([path]).answers()]
    found = [(q.id, q.text, q.meaning) for q in asked]
    assert found == [("a.0", "one", "a"), ("a.1", "two", "a"), ("b.0", "three", "b")]


def test_the_limit_is_of_questions_of_each_file(tmp_path):
    paths = [recorded(tmp_path, line(name, "one", "two", "three"), name=f"{name}.jsonl") for name in ("a", "b")]
    assert [q.id for q, _ in RecordedTeacher(paths, 2).answers()] == ["a.0", "a.1", "b.0", "b.1"]
    assert identity(Teacher(lessons=paths, limit=2)) != identity(Teacher(lessons=paths, limit=3))


def test_a_last_line_without_its_newline_counts(tmp_path):
    path = tmp_path / "lessons.jsonl"
    path.write_text(json.dumps(line("a")) + "\n" + json.dumps(line("b")))
    assert [q.meaning for q, _ in RecordedTeacher([str(path)]).answers()] == ["a", "b"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": "x"}, ":2: collection: Field required"),
        (line("x") | {"question": "q"}, ":2: question: Extra inputs"),
        (line("x") | {"questions": []}, ":2: questions: "),
        (line("x") | {"questions": [""]}, ":2: questions.0: "),
        (line("x") | {"questions": ["half \ud83d"]}, ":2: questions.0: "),
        (line("x") | {"questions": "which?"}, ":2: questions: "),
        (line("a"), ":2: id: 'a' stands at "),
        (["a"], ":2: the line: "),
    ],
)
def test_a_malformed_line_is_named_with_file_line_and_key(tmp_path, bad, message):
    path = recorded(tmp_path, line("a"), bad)
    with pytest.raises(InputError) as caught:
        list(RecordedTeacher([path]).answers())
    assert str(caught.value).startswith(path + message)


def test_one_file_given_twice_is_told(tmp_path):
    path = recorded(tmp_path, line("a"))
    with pytest.raises(InputError, match=r"stands at .*lessons\.jsonl:1 already"):
        list(RecordedTeacher([path, path]).answers())


@pytest.mark.parametrize("item", ["demo:birds", "/nowhere/lessons.jsonl"])
def test_a_missing_file_names_the_embedded_ones(item):
    with pytest.raises(InputError, match=r"teacher\.lessons: there is no file .*demo:films, demo:flights"):
        RecordedTeacher([item])
