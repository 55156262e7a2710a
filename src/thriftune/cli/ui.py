"""The command `ui`."""

import os
import secrets
import signal
from pathlib import Path
from typing import Annotated, Any

import typer

from thriftune.cli.app import app
from thriftune.cli.serve import TOKEN
from thriftune.errors import MissingPackage
from thriftune.progress import Progress


@app.command()
def ui(
    folder: Annotated[Path, typer.Argument(help="A run folder, or a folder of them.", metavar="[DIR]")] = Path("runs"),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8080,
    page: Annotated[bool, typer.Option("--open", help="Open the page in this machine's browser.")] = False,
) -> None:
    """Show runs in the browser: review lessons, ask the student, compare runs, plan memory. Stop it with Ctrl-C.

    Only this machine can reach it, and only by the address that is printed: it bears a token, a new one at each start
    unless the environment has THRIFTUNE_TOKEN.

    Example: thriftune ui runs --open
    """
    try:
        from thriftune.ui.app import make_app
        from thriftune.ui.workspace import Workspace
    except ModuleNotFoundError as error:
        if error.name != "nicegui":
            raise
        raise MissingPackage("thriftune[ui]", "the pages are made with NiceGUI") from error

    progress = Progress("ui")
    token = os.environ.get(TOKEN, "") or secrets.token_urlsafe(24)
    _listen(make_app(Workspace(folder), token), port, token, page, progress)


def _listen(application: Any, port: int, token: str, page: bool, progress: Progress) -> None:
    import webbrowser
    from urllib.parse import urlencode

    import uvicorn

    config = uvicorn.Config(application, "127.0.0.1", port, log_level="warning", timeout_graceful_shutdown=2)
    listener = config.bind_socket()
    listener.listen(config.backlog)
    address = f"http{'://'}127.0.0.1:{listener.getsockname()[1]}/?{urlencode({'token': token})}"
    progress.say(f"open {address}")
    if page:
        webbrowser.open(address)
    for number in (signal.SIGINT, signal.SIGTERM):  # when it has stopped, uvicorn raises the signal again
        signal.signal(number, lambda *_: _end(progress))
    uvicorn.Server(config).run([listener])


def _end(progress: Progress) -> None:
    """End at once: a student that is writing, or an engine that is starting, would be waited for. All is on disk."""
    progress.say("stopped")
    os._exit(0)
