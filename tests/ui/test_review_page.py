"""Lessons are reviewed in a real browser by keyboard; tabs at once, kills, and texts that mean no good."""

import signal
from collections import Counter

import pytest

from thriftune.files import read_records, write_records
from thriftune.records import Lesson, Reject
from thriftune.runs import Run
from thriftune.teach.doubts import Doubt
from thriftune.teach.reviews import REVIEWS, Review, reviewed, standing

from .conftest import GENRES, SCRIPT

pytestmark = pytest.mark.timeout(900)


def shown(page):
    return page.locator("[data-seen]").get_attribute("data-seen")


def press(page, key):
    """Press a key and wait until another lesson is shown."""
    before = shown(page)
    page.keyboard.press(key)
    page.wait_for_function("seen => document.querySelector('[data-seen]')?.dataset.seen !== seen", arg=before)


def decisions(folder):
    lessons = read_records(folder / "lessons.jsonl", Lesson)
    return [(review.question_id, review.action) for review in standing(Run(folder), lessons)]


def edit(page, name, text):
    page.keyboard.press("e")
    page.locator(f".in-{name} textarea").fill(text)


def test_ten_lessons_by_keyboard_and_a_kill_loses_nothing(taught, serve, tab):
    pages = serve(taught.parent)
    page = tab.open(pages.address("review"))
    for key in "aaraa":
        press(page, key)
    edit(page, "rationale", "It is asked for by its year.")
    page.get_by_role("button", name="Keep").click()
    page.locator(".editor").wait_for(state="hidden")
    for key in "aara":
        press(page, key)
    assert Counter(action for _, action in decisions(taught)) == {"accept": 7, "reject": 2, "edit": 1}
    assert "10 of 12 decided" in page.locator(".told").text_content()
    pages.end(signal.SIGKILL)
    assert len(decisions(taught)) == 10

    again = serve(taught.parent, pages.port)
    page.wait_for_selector("[data-seen]")
    page.goto(again.address("review"))
    assert "10 of 12 decided · 7 accepted · 1 edited · 2 rejected" in page.locator(".told").text_content()
    assert page.locator(".question").text_content() == f"which are {GENRES[10]} films?"
    press(page, "u")  # the last decision before the kill
    assert page.locator(".question").text_content() == f"which are {GENRES[9]} films?"
    assert len(decisions(taught)) == 9 and tab.outside == [] and tab.faults == []


def test_an_edit_is_verified_and_lands_in_the_layer_of_the_terminal(taught, serve, tab):
    page = tab.open(serve(taught.parent).address("review"))
    record = (taught / "lessons.jsonl").read_bytes()
    edit(page, "query", '{"query":{"term":{"genre":"Nothing of the kind"}}}')
    page.keyboard.press("Control+Enter")
    page.get_by_text("It cannot be kept (empty_result").wait_for()
    page.locator(".in-query textarea").fill('{"query": {"term": {"genre": "War"}}}')
    page.locator(".in-question textarea").fill("films\n of  war")
    page.keyboard.press("Control+Enter")
    page.locator(".editor").wait_for(state="hidden")
    lessons = read_records(taught / "lessons.jsonl", Lesson)
    assert (taught / "lessons.jsonl").read_bytes() == record
    changed = reviewed(Run(taught), lessons)[0]
    assert (changed.question.text, changed.label) == ("films of war", '{"query":{"term":{"genre":"War"}}}')
    assert changed.question.id == lessons[0].question.id


def test_two_tabs_show_different_lessons_and_neither_overrules_the_other(taught, serve, tab):
    pages = serve(taught.parent)
    one, two = (tab.open(pages.address("review")) for _ in range(2))
    assert shown(one) != shown(two)
    press(one, "a")
    press(two, "r")
    press(one, "a")
    assert len(decisions(taught)) == 3
    press(two, "u")  # takes back its own, not the other's later one
    assert [action for _, action in decisions(taught)] == ["accept", "accept"]

    three = tab.open(pages.address("review", verdict="accepted"))
    four = tab.open(pages.address("review", verdict="accepted"))
    while shown(four) != shown(three):
        press(four, "ArrowRight")
    edit(four, "rationale", "typed in the fourth tab")
    three.keyboard.press("r")
    three.wait_for_function("() => document.querySelector('.told').textContent.includes('1 rejected')")
    four.keyboard.press("Control+Enter")
    four.get_by_text("Meanwhile it was rejected elsewhere. Keep it again to overrule that.").wait_for()
    assert Counter(action for _, action in decisions(taught)) == {"accept": 1, "reject": 1}
    four.keyboard.press("Control+Enter")
    four.locator(".editor").wait_for(state="hidden")
    assert Counter(action for _, action in decisions(taught)) == {"accept": 1, "edit": 1}
    edits = [review.lesson for review in read_records(taught / REVIEWS, Review) if review.lesson]
    assert [lesson.rationale for lesson in edits] == ["typed in the fourth tab"]


def test_a_key_meant_for_a_lesson_that_is_gone_decides_nothing(taught, serve, tab):
    page = tab.open(serve(taught.parent).address("review"))
    page.locator("[data-seen]").wait_for()
    press_a = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true}))"
    page.evaluate(f"() => {{ for (let n = 0; n < 5; n++) {press_a} }}")  # before any answer can come
    page.wait_for_function("() => document.querySelector('.told').textContent.includes('1 of 12')")
    page.wait_for_timeout(500)
    assert len(decisions(taught)) == 1


def test_text_with_script_is_shown_as_text(taught, serve, tab):
    page = tab.open(serve(taught.parent).address("review"))
    press(page, "ArrowLeft")  # the last one
    assert page.locator(".question").text_content() == f"which are {SCRIPT} films?"
    assert SCRIPT in page.locator(".rationale").text_content()
    assert SCRIPT in page.locator(".query").text_content()
    page.locator(".returned table").wait_for()
    assert SCRIPT in page.locator(".returned").text_content()
    page.keyboard.press("e")
    assert SCRIPT in page.locator(".in-question textarea").input_value()
    assert page.evaluate("() => window.pwned") is None and page.locator("article img, article script").count() == 0


def test_when_all_are_decided_the_last_can_be_undone(taught, serve, tab):
    page = tab.open(serve(taught.parent).address("review", family="nonsense"))
    for _ in range(12):
        before = shown(page)
        page.get_by_role("button", name="Accept").click()
        page.wait_for_function("seen => document.querySelector('[data-seen]').dataset.seen !== seen", arg=before)
    page.get_by_text("Every lesson has its decision").wait_for()
    press(page, "u")
    assert len(decisions(taught)) == 11


def test_filters_by_family_and_verdict(taught, serve, tab):
    pages = serve(taught.parent)
    page = tab.open(pages.address("review"))
    press(page, "r")
    page.locator(".verdict").click()
    page.get_by_role("option", name="rejected").click()
    page.locator(".badge.rejected").wait_for()
    assert page.locator(".question").text_content() == f"which are {GENRES[0]} films?"
    page.keyboard.press("u")  # the keys are not caught by the list
    page.locator(".badge.undecided").wait_for()
    assert decisions(taught) == []
    family = page.locator(".chip").first.text_content()
    page = tab.open(pages.address("review", family=family, verdict="any"))
    for _ in range(4):
        assert family in page.locator(".chip").all_text_contents()
        press(page, "ArrowRight")


def reword(folder, texts):
    """Ask some lessons in other words."""
    lessons = read_records(folder / "lessons.jsonl", Lesson)
    for number, text in texts.items():
        question = lessons[number].question.model_copy(update={"text": text})
        lessons[number] = lessons[number].model_copy(update={"question": question})
    write_records(folder / "lessons.jsonl", lessons)
    return [lesson.question for lesson in lessons]


def test_why_a_lesson_may_be_wrong_is_said(taught, serve, tab):
    asked = reword(taught, {3: "films of war in 1914"})
    vote = f"3 answers: {SCRIPT}"
    write_records(taught / "doubts.jsonl", [Doubt(question_id=asked[5].id, reason="split_vote", detail=vote)])
    pages = serve(taught.parent)
    page = tab.open(pages.address("review"))
    everything = "It finds everything there is (12)"  # from the year of the first document on
    page.get_by_text(everything).wait_for()
    press(page, "j")
    page.locator(".returned table").wait_for()
    assert page.locator(".doubted").is_hidden() and page.get_by_text(everything).count() == 0

    page = tab.open(pages.address("review", verdict="doubted"))
    assert page.locator(".question").text_content() == "films of war in 1914"
    assert "The question says 1914; the query does not" in page.locator(".doubted").text_content()
    press(page, "a")
    assert f"Not all samples of the teacher agree: {vote}" in page.locator(".doubted").text_content()
    page.keyboard.press("r")
    page.get_by_text("No lesson is like that.").wait_for()
    assert len(decisions(taught)) == 2 and page.evaluate("() => window.pwned") is None and tab.faults == []


def test_lessons_like_one_are_walked_the_most_alike_first(taught, serve, tab):
    asked = reword(taught, {3: "films of war from 1990", 7: "war films from 1990 on", 9: "War from 1990: films of it"})
    page = tab.open(serve(taught.parent).address("review"))
    for _ in range(3):
        press(page, "j")
    page.keyboard.press("s")
    page.get_by_text("3 listed like “films of war from 1990”").wait_for()
    assert page.locator(".question").text_content() == asked[3].text
    texts = []
    for _ in range(3):
        press(page, "j")
        texts.append(page.locator(".question").text_content())
    assert sorted(texts) == sorted([asked[7].text, asked[9].text, asked[3].text]) and texts[-1] == asked[3].text
    press(page, "a")  # goes on among them
    assert page.locator(".question").text_content() in texts[:2]
    assert "2 listed" in page.locator(".listing").text_content() and "like=" in page.url
    page.reload()
    page.get_by_text("2 listed like").wait_for()
    page.wait_for_function("() => window.socket?.connected")
    page.keyboard.press("s")
    page.locator(".listing").wait_for(state="hidden")
    assert len(decisions(taught)) == 1 and tab.faults == []


def test_refused_answers_are_shown_with_their_reason_and_cannot_be_decided(taught, serve, tab):
    question = read_records(taught / "lessons.jsonl", Lesson)[0].question
    refused = [
        Reject(question=question, reason=reason, detail=f"because {SCRIPT}", response=response)
        for reason, response in (("empty_result", f"<answer>{SCRIPT}</answer>"), ("teacher_error", ""))
    ]
    write_records(taught / "rejects.jsonl", refused)
    page = tab.open(serve(taught.parent).address("review", verdict="refused"))
    page.get_by_text("The checks refused 2 answers: 1 as empty_result, 1 as teacher_error").wait_for()
    assert f"empty_result: because {SCRIPT}" in page.locator("article").text_content()
    assert f"<answer>{SCRIPT}</answer>" in page.locator(".query").text_content()
    assert page.get_by_role("button", name="Accept").is_hidden()
    for key in "aers":
        page.keyboard.press(key)
    press(page, "j")
    assert "Nothing." in page.locator("article").text_content() and page.locator(".editor").count() == 0
    assert decisions(taught) == [] and page.evaluate("() => window.pwned") is None and tab.faults == []
