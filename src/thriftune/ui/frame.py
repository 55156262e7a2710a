"""What every page has around it: the name, the way to the other pages, the run that is shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

from nicegui import ui

from thriftune.ui.bench import Bench
from thriftune.ui.workspace import Workspace

PAGES = {"/review": "Review", "/ask": "Ask", "/runs": "Runs", "/plan": "Plan"}


def address(path: str, **values: str) -> str:
    """Return the address of a page; values that are empty are left out."""
    rest = urlencode({key: value for key, value in values.items() if value})
    return f"{path}?{rest}" if rest else path


@contextmanager
def frame(workspace: Workspace, path: str, run: str, choose: bool = True) -> Iterator[Bench]:
    """Draw the head of a page and yield the run that it shows; what is drawn within goes below the head.

    Args:
        run: the run's name; where there is none of it, the first.
        choose: let another run be chosen.

    Raises:
        RunError: all runs are gone.
    """
    bench = workspace.bench(run)
    ui.page_title(f"{PAGES[path]} – {bench.name} – Thriftune")
    with ui.element("header").classes("head"):
        ui.label("Thriftune").classes("brand")
        with ui.element("nav"):
            for place, title in PAGES.items():
                link = ui.link(title, address(place, run=bench.name))
                if place == path:
                    link.classes("here").props("aria-current=page")
        if choose:
            _chooser(list(workspace.folders()), bench.name, path)
    with ui.element("main"):
        yield bench


def _chooser(names: list[str], chosen: str, path: str) -> None:
    chooser = ui.select(names, value=chosen, label="Run").props("outlined dense options-dense").classes("run")
    chooser.on_value_change(lambda e: ui.navigate.to(address(path, run=e.value)))
