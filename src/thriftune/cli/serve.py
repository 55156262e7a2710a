"""The command `serve`."""

import ipaddress
import os
import signal
import sys
from typing import Annotated, Any

import typer

from thriftune.cli.app import app
from thriftune.cli.predict import RunFolder
from thriftune.errors import RecipeError
from thriftune.progress import Progress

TOKEN = "THRIFTUNE_TOKEN"


@app.command()
def serve(
    run: RunFolder,
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8000,
    waiting: Annotated[int, typer.Option("--waiting", min=1, help="Questions that may wait; more hear 429.")] = 64,
    body_bytes: Annotated[int, typer.Option("--body-bytes", min=1024, help="Of a request, at most.")] = 1 << 20,
    body_seconds: Annotated[float, typer.Option("--body-seconds", help="Within which a request has arrived.")] = 10.0,
    answer_seconds: Annotated[float, typer.Option("--answer-seconds", help="Within which it is answered.")] = 120.0,
    search: Annotated[bool, typer.Option("--search", help="Add POST /search, which runs what is written.")] = False,
) -> None:
    """Serve a trained student over HTTP as OpenAI's API does; stop it with Ctrl-C.

    Where the environment has THRIFTUNE_TOKEN, every request has to bear it; without one only loopback is served.

    Example: thriftune serve runs/films-demo --port 8000
    """
    token = os.environ.get(TOKEN, "")
    if not token and not _loopback(host):
        raise RecipeError(f"--host {host} is not loopback, so a token is needed: set {TOKEN} to a secret of your own")
    from thriftune.ship.predict import load
    from thriftune.ship.queue import Queue
    from thriftune.ship.server import make_app
    from thriftune.ship.server_limits import Limits

    progress = Progress("serve")
    progress.say(f"loading {run}")
    queue = Queue(lambda: load(run), waiting)
    limits = Limits(token, body_bytes, body_seconds=body_seconds, answer_seconds=answer_seconds)
    try:
        _listen(make_app(queue, limits, search=search), host, port, body_seconds, progress)
    finally:
        queue.close()
        progress.say("stopped")


def _listen(application: Any, host: str, port: int, head_seconds: float, progress: Progress) -> None:
    import uvicorn

    from thriftune.ship.server_limits import PatientProtocol

    protocol = type("Protocol", (PatientProtocol,), {"head_seconds": head_seconds})
    config = uvicorn.Config(
        application, host, port, http=protocol, log_level="warning", timeout_graceful_shutdown=30, server_header=False
    )
    listener = config.bind_socket()
    listener.listen(config.backlog)  # bound alone it refuses those who come before uvicorn is ready
    address = f"[{host}]" if ":" in host else host
    progress.say(f"listening on http{'://'}{address}:{listener.getsockname()[1]}/v1")
    for number in (signal.SIGINT, signal.SIGTERM):  # when it has stopped, uvicorn raises the signal again
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.Server(config).run([listener])


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
