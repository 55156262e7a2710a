"""The pages Ask, Runs and Plan in a real browser."""

import json
import shutil

import pytest

from thriftune.files import read_records, write_records
from thriftune.records import Prediction, Verdict
from thriftune.runs import Run
from thriftune.ship.predict import load
from thriftune.teach.build import _questions

from .conftest import SCRIPT

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def runs(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "runs")


def test_a_question_is_answered_explained_and_kept_as_wrong(runs, recipe, serve, tab):
    page = tab.open(serve(runs).address("ask", run="long"))
    page.get_by_label("Question").fill("which are Noir films?")
    page.keyboard.press("Enter")
    page.locator(".answer article").wait_for()
    with load(runs / "long") as predictor:
        answer = predictor.predict(["which are Noir films?"], explain=True, execute=True)[0]
    shown = "".join(page.locator(".answer .query").first.text_content().split())
    assert shown == "".join(answer.text.split())
    told = page.locator(".answer").text_content()
    assert answer.found is not None and (answer.found["fault"] or f"{answer.found['total']} found") in told
    page.get_by_role("button", name="Why?").click()
    page.locator(".rationale").wait_for()
    assert page.locator(".rationale").text_content().strip() == answer.rationale.strip()
    for _ in range(2):  # asked and found wrong twice, stored once
        page.get_by_role("button", name="This is wrong").click()
        page.get_by_text("for teacher.questions").wait_for()
        page.get_by_role("button", name="Ask", exact=True).click()
        page.get_by_text("Wrong? Then the next round").wait_for()
    lines = (runs / "long" / "wrong.jsonl").read_text().splitlines()
    assert len(lines) == 1 and tab.outside == [] and tab.faults == []
    settings = recipe().teacher.model_copy(update={"questions": [str(runs / "long" / "wrong.jsonl")]})
    assert [(q.collection, q.text) for q in _questions(settings)] == [("films", "which are Noir films?")]


def test_a_run_without_a_student_says_so(taught, serve, tab):
    page = tab.open(serve(taught).address("ask"))
    assert "no trained student yet" in page.locator(".nothing").text_content()


def test_two_runs_are_compared(runs, serve, tab):
    pages = serve(runs)
    _answer(runs / "long", {0: True, 1: True, 2: True}, json.dumps({"query": {"term": {"genre": SCRIPT}}, "size": 3}))
    _answer(runs / "short", {0: True, 1: False, 2: False}, '{"query": {"term": {"genre": "War"}}}')
    page = tab.open(pages.address("runs", first="long / tuned", second="long / base"))
    rows = page.locator(".numbers").first.locator("tr")
    assert [rows.nth(n).locator("td").first.text_content() for n in (1, 2)] == ["long", "short"]
    scores = json.loads((runs / "long" / "scores.json").read_text())["tuned"]["execution_match"]
    assert f"{100 * scores['value']:.1f} %" in rows.nth(1).text_content()
    assert page.locator(".picture g.run").count() == 2 and page.locator(".picture polyline").count() >= 1
    page.locator(".second").click()
    page.get_by_role("option", name="short / tuned").click()
    page.get_by_text("Where they differ: 2 of").wait_for()
    count = len(read_records(runs / "long" / "verdicts.jsonl", Verdict))
    assert f"{100 * 2 / count:+.1f} [" in page.locator(".differences").text_content()
    cards = page.locator(".differing article")
    assert cards.count() == 2
    sides = cards.first.locator(".side")
    assert sides.first.locator("mark").all_text_contents() == [f'"{SCRIPT}"', '"size": 3']
    assert sides.last.locator("mark.changed").all_text_contents() == ['"War"']
    told = [row.locator("td").all_text_contents() for row in cards.first.locator(".differences-told tr").all()[1:]]
    cards.first.get_by_role("button", name="Run both").click()
    sides.first.locator("table").wait_for()
    sides.last.locator("table").wait_for()
    assert SCRIPT in sides.first.locator("table").text_content() and "War" in sides.last.locator("table").text_content()
    assert told == [["query.term.genre", f'"{SCRIPT}"', '"War"'], ["size", "3", "–"]]
    assert "long / tuned: right" in sides.first.text_content() and SCRIPT in sides.first.text_content()
    assert "short / tuned: wrong" in sides.last.text_content() and "returned" in sides.last.text_content()
    assert page.evaluate("() => window.pwned") is None and tab.outside == [] and tab.faults == []


def _answer(folder, matches, text):
    """Put other answers and verdicts in the place of a run's."""
    predictions = read_records(folder / "predictions.jsonl", Prediction)
    write_records(
        folder / "predictions.jsonl",
        [p.model_copy(update={"text": text}) if n in matches else p for n, p in enumerate(predictions)],
    )
    verdicts = [
        Verdict(question_id=p.question.id, valid=True, execution_match=matches.get(n, False), result=f"hits of {text}")
        for n, p in enumerate(predictions)
    ]
    write_records(folder / "verdicts.jsonl", verdicts)


def test_a_slider_moves_the_bars_as_the_command_line_plans(runs, recipe, serve, tab):
    page = tab.open(serve(runs).address("plan", run="long"))
    page.locator(".planned:not(.working) .bars").wait_for()
    assert page.locator(".bar-stack u").count() == page.locator(".bar-stack").count() >= 2
    page.evaluate(_WATCH)
    page.locator(".s-prefix_tokens [tabindex]").focus()  # Quasar: the role is the parent's
    for tokens in range(650, 1001, 50):  # a key that comes before the server has answered the one before may be lost
        page.keyboard.press("ArrowRight")
        page.locator(".slider .value", has_text=f"{tokens:,}").first.wait_for()
    page.locator(".planned:not(.working) .command", has_text="plan.prefix_tokens=1000").wait_for()
    assert _sizes(page) == _planned(recipe(6), 1000)
    watched = page.evaluate("() => window.watched")
    assert {"working": True, "bars": True, "told": True} in watched, "the old bars stay, greyed, and it is said"
    assert watched[-1] == {"working": False, "bars": True, "told": False}

    page.locator(".s-memory_gb [tabindex]").focus()
    page.keyboard.press("ArrowRight")  # what there is of memory changes no simulation
    page.locator(".planned:not(.working) .command", has_text="plan.memory=2GB").wait_for()
    assert _sizes(page) == _planned(recipe(6), 1000, "2GB") and tab.faults == []


_WATCH = """() => {
  const planned = document.querySelector(".planned");
  window.watched = [];
  const note = () => window.watched.push({
    working: planned.classList.contains("working"),
    bars: Boolean(planned.querySelector(".bars")),
    told: planned.querySelector(".status").textContent.startsWith("Simulating"),
  });
  new MutationObserver(note).observe(planned, {subtree: true, childList: true, characterData: true, attributes: true});
}"""


def _sizes(page):
    return [text.split(" · ")[0] for text in page.locator(".bar-size").all_text_contents()]


def _planned(recipe, prefix_tokens, memory="1GB"):
    """The same plan by the functions of `thriftune plan`."""
    from thriftune.plan.batches import rows_of_lengths
    from thriftune.plan.configs import config_of
    from thriftune.plan.make import make_plan
    from thriftune.plan.prepare import device_for
    from thriftune.plan.text import size

    config = config_of(recipe.student.model)
    lengths = recipe.plan.model_copy(update={"prefix_tokens": prefix_tokens})
    device = device_for(recipe, memory=memory)
    plan = make_plan(recipe, config, rows_of_lengths(config, lengths, recipe.train), device, None)
    options = [option for line in plan.lines for option in (line.asked, line.turned) if option and not option.missing]
    return [size(option.bytes) for option in options]


def test_a_damaged_run_is_a_row_that_says_so(runs, serve, tab):
    pages = serve(runs)
    (runs / "short" / "manifest.json").write_text("{")
    page = tab.open(pages.address("runs", run="long"))
    assert "is damaged" in page.locator(".numbers").first.text_content()
    assert Run(runs / "long").manifest["stages"]["train"]["status"] == "done"
