"""The page *Runs*: what each run is and gave, the Pareto picture, and two students compared."""

from nicegui import ui

from thriftune.errors import UserError
from thriftune.ui.compare_view import Side, show_comparison
from thriftune.ui.frame import address, frame
from thriftune.ui.overview import HEAD, overview, students
from thriftune.ui.pictures import pareto_picture
from thriftune.ui.results import table
from thriftune.ui.workspace import Workspace

_BETWEEN = " / "


def runs_page(workspace: Workspace, name: str, first: str, second: str) -> None:
    """Draw the page. `first` and `second` are `RUN / tuned` or `RUN / base`."""
    with frame(workspace, "/runs", name, choose=False) as bench:
        known = [overview(name, folder) for name, folder in workspace.folders().items()]
        with ui.element("section").classes("numbers"):
            table(HEAD, [run.cells() for run in known])
        if picture := pareto_picture(known):
            _titled("Quality, time and memory")
            ui.html(picture, sanitize=False).classes("picture")
            ui.label(
                "Whiskers: 95 % intervals. Larger dots took more memory. Filled: no other run is better in all three."
            ).classes("note")
        _comparison(workspace, bench.name, first, second)


def _comparison(workspace: Workspace, name: str, first: str, second: str) -> None:
    judged = [(run, who) for run, folder in workspace.folders().items() for who in students(folder)]
    judged.sort(key=lambda side: side[1] != "tuned")  # two runs rather than one with its base
    sides = {f"{run}{_BETWEEN}{who}": (run, who) for run, who in judged}
    _titled("Two students on the same questions")
    if len(sides) < 2:
        ui.label("Two judged students are needed; `thriftune run` judges the tuned and the base one.").classes("note")
        return
    chosen = [first, second]
    for place, default in enumerate(sides):
        if place < 2 and chosen[place] not in sides:
            chosen[place] = default
    with ui.element("div").classes("bar"):
        for place, title in enumerate(("First", "Second")):
            chooser = ui.select(list(sides), value=chosen[place], label=title).classes(title.lower())
            chooser.props("outlined dense options-dense")
            chooser.on_value_change(lambda e, place=place: _again(name, chosen, place, e.value))
    one, other = (Side(shown, *sides[shown]) for shown in chosen)
    try:
        show_comparison(one, other, (workspace.bench(one.run), workspace.bench(other.run)))
    except UserError as error:  # a run is damaged, or they share no question
        ui.label(str(error)).classes("bad")


def _again(name: str, chosen: list[str], place: int, value: str) -> None:
    chosen[place] = value
    ui.navigate.to(address("/runs", run=name, first=chosen[0], second=chosen[1]))


def _titled(text: str) -> None:
    with ui.element("h3"):
        ui.label(text)
