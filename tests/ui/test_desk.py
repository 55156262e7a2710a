"""What the pages decide, without a browser: many at once, colours, filters."""

import random
import threading
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.files import append_record, read_records, write_records
from thriftune.records import Lesson, Question
from thriftune.runs import Run
from thriftune.tasks.base import Found
from thriftune.teach.doubts import Doubt
from thriftune.teach.reviews import REVIEWS, Review, id_of
from thriftune.ui.colours import coloured, laid_out
from thriftune.ui.desk import Desk, Overtaken
from thriftune.ui.doubts import all_doubts, of_found
from thriftune.ui.filters import after, likes

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


def asked(number, text, label="find", meaning=""):
    question = Question(id=f"a{number}", collection="c", text=text, meaning=meaning or f"a{number}")
    return Lesson(question=question, rationale="r", label=label)


def test_doubts_name_what_speaks_against_a_lesson_and_nothing_else():
    lessons = {
        "right": asked(1, "the 12 longest films of 1,990 and v8", '{"size": 12, "year": 1990}'),
        "number": asked(2, "films from 1995 to 2001", '{"gte": 1995}'),
        "one": asked(3, "which are the very old films of france", "find france"),
        "two": asked(4, "Which are the very old films, of France?", "find paris"),
        "twin": asked(5, "plays by the early poets of greece", "find greece"),
        "other twin": asked(6, "Plays by the early poets of Greece", "find greece"),
        "tried": asked(7, "something"),
    }
    recorded = {"a7": [Doubt(question_id="a7", reason="second_try", detail="empty_result: nothing")]}
    found = all_doubts(lessons, recorded)
    assert found.keys() == {"number", "one", "two", "tried"}
    assert found["number"] == ["The question says 2001; the query does not"]
    assert "“Which are the very old films, of France?” (a4)" in found["one"][0] and "(a3)" in found["two"][0]
    assert found["tried"] == ["It is the teacher's second try: the first was refused as empty_result: nothing"]


def test_doubts_of_what_was_found():
    assert of_found(Found(3), 12) == of_found(Found(12), None) == of_found(Found(12, figures={"a": 1}), 12) == []
    assert "nothing" in of_found(Found(0), 12)[0] and of_found(Found(0, figures={"a": 1}), 12) == []
    assert "everything there is (1,200)" in of_found(Found(1200), 1200)[0]
    assert "timeout" in of_found(Found(None, fault="timeout", detail="d"), 12)[0]


def test_lessons_like_one_are_those_of_its_meaning_and_of_like_words():
    lessons = {
        "other": asked(1, "how many musicals were there"),
        "alike": asked(2, "old films of france and spain"),
        "own": asked(3, "old films of france", meaning="m"),
        "meant": asked(4, "vintage french cinema", meaning="m"),
    }
    found = likes(lessons, "own")
    assert list(found) == ["own", "meant", "alike"] and found["own"] == 1 and 0 < found["alike"] < 1


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
