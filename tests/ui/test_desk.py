"""What the pages decide, without a browser: many at once, colours, filters."""

import random
import threading
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.records import Lesson, Question
from thriftune.runs import Run, append_record, read_records, write_records
from thriftune.teach.reviews import REVIEWS, Review, id_of
from thriftune.ui.colours import coloured, laid_out
from thriftune.ui.desk import Desk, Overtaken
from thriftune.ui.filters import after

LESSONS = [
    Lesson(
        question=Question(id=f"q{n}", collection="c", text=f"ask {n}", meaning=f"q{n}"),
        rationale="r",
        label=f"find {n}",
    )
    for n in range(40)
]


@pytest.fixture
def run(tmp_path):
    write_records(tmp_path / "lessons.jsonl", LESSONS)
    return Run(tmp_path)


def test_many_tabs_of_two_servers_lose_and_overrule_nothing(run):
    made, lock = [], threading.Lock()

    def work(desk, tab):
        chance = random.Random(tab)
        for lesson in chance.sample(LESSONS, len(LESSONS)):
            expected = desk.decisions().get(id_of(lesson))
            if expected is None:
                try:
                    desk.decide(tab, id_of(lesson), chance.choice(["accept", "reject"]), None)
                except Overtaken:
                    continue
                with lock:
                    made.append(lesson.question.id)

    desks = [Desk(run), Desk(run)]
    threads = [threading.Thread(target=work, args=(desks[n % 2], f"tab{n}")) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = [review.question_id for review in read_records(run.path(REVIEWS), Review)]
    assert sorted(written) == sorted(made) == sorted(lesson.question.id for lesson in LESSONS)


def test_a_decision_made_in_a_terminal_meanwhile_is_seen(run):
    desk, seen = Desk(run), id_of(LESSONS[0])
    append_record(run.path(REVIEWS), Review(question_id="q0", seen=seen, action="reject"))
    with pytest.raises(Overtaken, match="rejected elsewhere"):
        desk.decide("tab", seen, "accept", None)
    desk.decide("tab", seen, "accept", desk.decisions()[seen])
    assert desk.decisions()[seen].action == "accept"


def test_a_lesson_taught_anew_cannot_be_decided_by_its_old_form(run):
    desk, seen = Desk(run), id_of(LESSONS[0])
    assert seen in desk.lessons()
    write_records(run.path("lessons.jsonl"), [LESSONS[0].model_copy(update={"rationale": "new"}), *LESSONS[1:]])
    with pytest.raises(Overtaken, match="answered anew"):
        desk.decide("tab", seen, "accept", None)


def test_undo_takes_back_ones_own_or_what_nobody_here_made(run):
    desk, ids = Desk(run), [id_of(lesson) for lesson in LESSONS]
    append_record(run.path(REVIEWS), Review(question_id="q9", seen=ids[9], action="accept"))  # before the server began
    desk.decide("one", ids[0], "accept", None)
    desk.decide("two", ids[1], "reject", None)
    assert [desk.undo("one").question_id, desk.undo("one").question_id, desk.undo("one")] == ["q0", "q9", None]
    desk.leave("two")  # the tab is closed: now anyone may
    assert desk.undo("one").question_id == "q1" and desk.decisions() == {}


def test_a_file_that_is_written_by_others_is_read_again(run):
    desk = Desk(run)
    assert len(desk.lessons()) == 40
    run.path("lessons.jsonl").unlink()
    assert desk.lessons() == {} and desk.decisions() == {}


def test_next_and_back_go_around():
    order = list("abcde")
    assert [after(list("bd"), order, seen) for seen in ("", "a", "b", "c", "d")] == ["b", "b", "d", "d", "b"]
    assert [after(list("bd"), order, seen, -1) for seen in ("a", "b", "e")] == ["d", "d", "d"]
    assert after([], order, "a") is None


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = set(), ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


@given(st.text() | st.text(alphabet='<>"&script{}:,[]1e\\/ '))
def test_no_text_becomes_markup(text):
    read = Tags(coloured(text))
    assert read.tags <= {"pre", "code", "span"} and read.text == laid_out(text)


def test_what_is_laid_out_keeps_every_key_and_number():
    text = '{"a":1.0E+400,"a":[1,2],"b":' + "[" + ",".join(f'"{n}{"x" * 20}"' for n in range(9)) + "]}"
    assert "".join(laid_out(text).split()) == text
    assert laid_out("select 1") == "select 1"
