"""The command line: a file for each group of commands; parse, call, print."""

import os
import sys
from typing import Any

from thriftune.cli import compare, data, export, init, plan, predict, road, serve, study, ui
from thriftune.cli.app import app
from thriftune.errors import UserError

__all__ = ["app", "compare", "data", "export", "init", "main", "plan", "predict", "road", "serve", "study", "ui"]
_INTERRUPTED = 130  # what typer makes of Ctrl-C


def main() -> Any:
    """Run the command line; a fault of the user ends with one message and exit code 2."""
    # read when torch starts its threads: those that wait sleep, for spinning they starve other processes and themselves
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            print("stopped; the same command goes on from here", file=sys.stderr)
        raise
