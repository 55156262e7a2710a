"""What the review page shows of one lesson, and of an answer that the checks refused."""

from nicegui import background_tasks, run, ui

from thriftune.records import Lesson, Reject
from thriftune.teach.reviews import Review
from thriftune.ui.bench import Bench
from thriftune.ui.colours import coloured
from thriftune.ui.doubts import of_found
from thriftune.ui.filters import verdict_of
from thriftune.ui.results import show_run

_MOST = 5  # hits shown


class Doubted:
    """The list of doubts on a card; it stays out of sight while there is none."""

    def __init__(self) -> None:
        with ui.element("section").classes("doubted") as self._place:
            _titled("Why it may be wrong")
            self._list = ui.element("ul")
        self._place.set_visibility(False)

    def add(self, sentences: list[str]) -> None:
        """Show more of them."""
        with self._list:
            for sentence in sentences:
                with ui.element("li"):
                    ui.label(sentence)
        if sentences:
            self._place.set_visibility(True)


def show_lesson(
    bench: Bench, seen: str, lesson: Lesson, review: Review | None, doubts: list[str], like: float | None = None
) -> None:
    """Draw a lesson as people left it. `data-seen` tells the keyboard which lesson the person has before them."""
    now = review.lesson if review and review.lesson else lesson
    with ui.element("article").props(f'data-seen="{seen}"').classes("lesson"):
        with ui.element("div").classes("meta"):
            ui.label(verdict_of(review)).classes(f"badge {verdict_of(review)}")
            ui.label(f"{now.question.collection} · {now.question.id}")
            for family in now.families:
                ui.label(family).classes("chip")
            if like is not None:
                ui.label(f"{100 * like:.0f} % of the words in common").classes("likeness")
        ui.label(now.question.text).classes("question")
        doubted = Doubted()
        doubted.add([] if review and review.lesson else doubts)  # an edit is another lesson
        _titled("Rationale")
        ui.label(now.rationale).classes("rationale")
        _titled("Query")
        ui.html(coloured(now.label), sanitize=False).classes("query")
        _titled("Returned")
        with ui.element("div").classes("returned") as place:
            ui.label("Running it …").classes("note")
    background_tasks.create(_run_it(bench, now, place, doubted))


def show_refused(seen: str, reject: Reject) -> None:
    """Draw an answer that did not become a lesson, with the check that it failed."""
    with ui.element("article").props(f'data-seen="{seen}"').classes("lesson"):
        with ui.element("div").classes("meta"):
            ui.label("refused").classes("badge rejected")
            ui.label(f"{reject.question.collection} · {reject.question.id}")
            ui.label(reject.reason).classes("chip")
        ui.label(reject.question.text).classes("question")
        _titled("Why it was refused")
        ui.label(f"{reject.reason}: {reject.detail}").classes("bad")
        _titled("What the teacher wrote")
        if reject.response:
            ui.html(coloured(reject.response), sanitize=False).classes("query")
        else:
            ui.label("Nothing.").classes("note")


def _titled(text: str) -> None:
    with ui.element("h2"):
        ui.label(text)


async def _run_it(bench: Bench, lesson: Lesson, place: ui.element, doubted: Doubted) -> None:
    found = await show_run(bench, lesson.question, lesson.label, place, _MOST)
    if found:
        everything = await run.io_bound(bench.everything, lesson.question)
        if not place.is_deleted:
            doubted.add(of_found(found, everything))
