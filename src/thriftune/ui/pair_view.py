"""One question with two answers: both queries side by side, marked where they differ, and what both returned."""

import asyncio

from nicegui import ui

from thriftune.evaluate.compare import Both
from thriftune.records import Verdict
from thriftune.ui.bench import Bench
from thriftune.ui.colours import coloured
from thriftune.ui.diff import Compared, compared
from thriftune.ui.results import show_run, table

_MOST = 20  # differences told in words
_HITS = 5  # shown of each answer that is run


def show_pair(both: Both, names: tuple[str, str], benches: tuple[Bench, Bench]) -> None:
    """Draw the answers of two students, named so and of these runs, to one question."""
    question, found = both.predictions[0].question, compared(*(each.text for each in both.predictions))
    with ui.element("article").classes("card"):
        with ui.element("div").classes("meta"):
            ui.label(f"{question.collection} · {question.id}")
        ui.label(question.text).classes("question")
        with ui.element("div").classes("pair"):
            places = [_side(names[side], found, side, both.verdicts[side]) for side in (0, 1)]
        _told(found, names)
        _run_both(both, benches, places)
        with ui.element("details"):
            with ui.element("summary"):
                ui.label("Gold answer")
            ui.html(coloured(both.predictions[0].gold), sanitize=False).classes("query")
            ui.label(f"returned {both.verdicts[0].gold_result}").classes("note")


def _side(name: str, found: Compared, side: int, verdict: Verdict) -> ui.element:
    """Draw one side; return the place for what its answer finds when it is run again."""
    with ui.element("div").classes("side"):
        with ui.element("h2"):
            ui.label(f"{name}: {'right' if verdict.execution_match else 'wrong'}").classes(
                "good" if verdict.execution_match else "bad"
            )
        ui.html(coloured(found.texts[side], found.marks[side]), sanitize=False).classes("query")
        if verdict.result:
            ui.label(f"returned {verdict.result}").classes("note")
        if verdict.fault:
            ui.label(f"{verdict.fault}: {verdict.detail}").classes("note")
        return ui.element("div").classes("returned")


def _told(found: Compared, names: tuple[str, str]) -> None:
    """Say the differences in words too: marks within a text are hard to hear, and to see for some."""
    if found.same:
        ui.label(f"Both queries {'say the same' if found.by == 'structure' else 'are the same words'}.").classes("note")
        return
    if found.by == "words":
        ui.label("Not both are JSON with each key once, so they were compared word by word.").classes("note")
        return
    count = len(found.rows)
    with ui.element("details").classes("differences-told").props("open" if count <= _MOST // 4 else ""):
        with ui.element("summary"):
            ui.label(f"{count} difference{'' if count == 1 else 's'}, by path")
        table(["where", *names], found.rows[:_MOST])
        if count > _MOST:
            ui.label(f"{count - _MOST} more are only marked.").classes("note")


def _run_both(both: Both, benches: tuple[Bench, Bench], places: list[ui.element]) -> None:
    async def show() -> None:
        button.disable()
        for place in places:
            with place:
                ui.label("Running it …").classes("note")
        await asyncio.gather(
            *(
                show_run(bench, answer.question, answer.text, place, _HITS)
                for bench, answer, place in zip(benches, both.predictions, places, strict=True)
            )
        )

    button = ui.button("Run both", on_click=show).props("flat dense no-caps").classes("run-both")
