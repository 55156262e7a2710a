"""One lesson on the review page: question, rationale, query, what it returned."""

from dataclasses import asdict

from nicegui import background_tasks, run, ui

from thriftune.errors import UserError
from thriftune.records import Lesson
from thriftune.teach.reviews import Review
from thriftune.ui.bench import Bench
from thriftune.ui.colours import coloured
from thriftune.ui.filters import verdict_of
from thriftune.ui.results import show_found

_MOST = 5  # hits shown


def show_lesson(bench: Bench, seen: str, lesson: Lesson, review: Review | None) -> None:
    """Draw a lesson as people left it. `data-seen` tells the keyboard which lesson the person has before them."""
    now = review.lesson if review and review.lesson else lesson
    with ui.element("article").props(f'data-seen="{seen}"').classes("lesson"):
        with ui.element("div").classes("meta"):
            ui.label(verdict_of(review)).classes(f"badge {verdict_of(review)}")
            ui.label(f"{now.question.collection} · {now.question.id}")
            for family in now.families:
                ui.label(family).classes("chip")
        ui.label(now.question.text).classes("question")
        _titled("Rationale")
        ui.label(now.rationale).classes("rationale")
        _titled("Query")
        ui.html(coloured(now.label), sanitize=False).classes("query")
        _titled("Returned")
        with ui.element("div").classes("returned") as place:
            ui.label("Running it …").classes("note")
    background_tasks.create(_run_it(bench, now, place))


def _titled(text: str) -> None:
    with ui.element("h2"):
        ui.label(text)


async def _run_it(bench: Bench, lesson: Lesson, place: ui.element) -> None:
    found, fault = None, ""
    try:
        found = await run.io_bound(bench.found, lesson.question, lesson.label, _MOST)
    except UserError as error:
        fault = str(error)
    if place.is_deleted:  # another lesson is shown by now
        return
    place.clear()
    with place:
        if found is not None:
            show_found(asdict(found))
        else:
            ui.label(f"No index can be reached, so it was not run. {fault}").classes("note")
