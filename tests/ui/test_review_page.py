"""Lessons are reviewed in a real browser by keyboard; tabs at once, kills, and texts that mean no good."""

import signal
from collections import Counter

import pytest

from thriftune.records import Lesson
from thriftune.runs import Run, read_records
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
