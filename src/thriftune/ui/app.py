"""The server of the pages: NiceGUI within the gate. Nothing on a page comes from elsewhere, so it works offline."""

from pathlib import Path

from fastapi import FastAPI
from nicegui import app as pages
from nicegui import ui

from thriftune.ui.ask_page import ask_page
from thriftune.ui.filters import Filter
from thriftune.ui.gate import Gate
from thriftune.ui.plan_page import plan_page
from thriftune.ui.review_page import review_page
from thriftune.ui.runs_page import runs_page
from thriftune.ui.workspace import Workspace

_HERE = Path(__file__).parent


def make_app(workspace: Workspace, token: str) -> FastAPI:
    """Return the server's application; only who bears the token sees anything of it."""
    pages.colors(primary="#1f5fbf")
    ui.add_css(_HERE / "style.css", shared=True)
    _register(workspace)
    outer = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer.add_middleware(Gate, token=token)
    pages.on_shutdown(workspace.close)
    ui.run_with(
        outer,
        title="Thriftune",
        dark=None,
        favicon=_HERE / "icon.svg",
        language="en-US",
        tailwind=False,
        show_welcome_message=False,
    )
    return outer


def _register(workspace: Workspace) -> None:
    def review(run: str = "", family: str = "", verdict: str = "", like: str = "") -> None:
        review_page(workspace, run, Filter(family, verdict, like))

    def ask(run: str = "") -> None:
        ask_page(workspace, run)

    def runs(run: str = "", first: str = "", second: str = "") -> None:
        runs_page(workspace, run, first, second)

    def plan(run: str = "") -> None:
        plan_page(workspace, run)

    ui.page("/")(review)
    ui.page("/review")(review)
    ui.page("/ask")(ask)
    ui.page("/runs")(runs)
    ui.page("/plan")(plan)
