"""The page *Plan*. It stands at once; its view loads PyTorch, which takes seconds, and follows."""

from importlib import import_module

from nicegui import background_tasks, run, ui

from thriftune.errors import UserError
from thriftune.road import recipe_of
from thriftune.ui.bench import Bench
from thriftune.ui.frame import frame
from thriftune.ui.workspace import Workspace


def plan_page(workspace: Workspace, name: str) -> None:
    """Draw the page."""
    with frame(workspace, "/plan", name) as bench, ui.element("div") as place:
        ui.label("Loading what simulates a training step …").classes("note")
    background_tasks.create(_follow(bench, place))


async def _follow(bench: Bench, place: ui.element) -> None:
    view = await run.io_bound(import_module, "thriftune.ui.plan_view")
    if view is None or place.is_deleted:  # the server is stopping, or the tab is closed
        return
    place.clear()
    with place:
        try:
            view.PlanView(recipe_of(bench.run))
        except UserError as error:
            ui.label(str(error)).classes("bad")
