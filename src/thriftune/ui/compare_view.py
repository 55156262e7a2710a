"""Two students compared: paired differences, loss curves, and the questions where they differ."""

from pathlib import Path
from typing import Any, NamedTuple

from nicegui import ui

from thriftune.evaluate.compare import METRICS, Comparison, compare
from thriftune.files import read_lines
from thriftune.report.curves import LEGEND, loss_curves
from thriftune.ui.bench import Bench
from thriftune.ui.pair_view import show_pair
from thriftune.ui.results import table

_EACH = 5  # questions shown at once


class Side(NamedTuple):
    """A student: the name that is shown, its run, and `tuned` or `base`."""

    shown: str
    run: str
    student: str


def show_comparison(first: Side, second: Side, benches: tuple[Bench, Bench]) -> None:
    """Draw the comparison of two students.

    Raises:
        InputError: a run has no answers of that student, a file is damaged, or they share no question.
    """
    found = compare((benches[0].run, first.student), (benches[1].run, second.student))
    _differences(found, first.shown, second.shown)
    _curves(benches)
    _differing(found, (first.shown, second.shown), benches)


def _differences(found: Comparison, first: str, second: str) -> None:
    rows = [[title, _mean(found, metric, 0), _mean(found, metric, 1), _points(found.differences[metric])]
            for metric, title in METRICS.items()]  # fmt: skip
    with ui.element("section").classes("numbers differences"):
        table(["", first, second, "first less second"], rows)
    told = f"{len(found.shared)} questions with the same gold answer; 95 % intervals of a paired bootstrap over them."
    if found.left_out:
        told += f" {found.left_out} questions that only one of them was asked are left out."
    ui.label(f"{told} One training each: they say nothing of other seeds.").classes("note")


def _mean(found: Comparison, metric: str, side: int) -> str:
    values = [[getattr(verdict, metric) for verdict in both.verdicts] for both in found.shared]
    judged = [float(pair[side]) for pair in values if None not in pair]
    return f"{100 * sum(judged) / len(judged):.1f} %" if judged else "–"


def _points(cell: dict[str, float | int] | None) -> str:
    if cell is None:
        return "–"
    return f"{100 * cell['value']:+.1f} [{100 * cell['low']:+.1f}, {100 * cell['high']:+.1f}] points"


def _curves(benches: tuple[Bench, Bench]) -> None:
    pictures = [
        (bench.name, loss_curves(_metrics(bench.run.path("metrics.jsonl")))) for bench in dict.fromkeys(benches)
    ]
    shown = [(name, picture) for name, picture in pictures if picture]
    if not shown:
        return
    with ui.element("div").classes("pair"):
        for name, picture in shown:
            with ui.element("figure"):
                with ui.element("figcaption"):
                    ui.label(f"Loss per token of {name}")
                ui.html(picture, sanitize=False).classes("picture")
    ui.html(LEGEND, sanitize=False).classes("note")


def _metrics(path: Path) -> list[dict[str, Any]]:
    return [value for _, value in read_lines(path)] if path.exists() else []


def _differing(found: Comparison, names: tuple[str, str], benches: tuple[Bench, Bench]) -> None:
    differing = [both for both in found.shared if both.differ]
    with ui.element("h3"):
        ui.label(f"Where they differ: {len(differing)} of {len(found.shared)} questions")
    ui.html(
        '<mark class="only">underlined</mark>: only on that side &nbsp; '
        '<mark class="changed">dashed</mark>: another value on the other side',
        sanitize=False,
    ).classes("note")
    place = ui.element("div").classes("differing")

    def more() -> None:
        start = len(place.default_slot.children)
        with place:
            for both in differing[start : start + _EACH]:
                show_pair(both, names, benches)
        button.set_visibility(start + _EACH < len(differing))

    button = ui.button("Show more", on_click=more).props("outline no-caps").classes("more")
    more()
