"""Where the processes of trials run. `Local` runs some at a time on this machine; `cluster.Cluster` does on Ray."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Protocol

COMMAND = [sys.executable, "-m", "thriftune.sweep.worker"]
LOG = "log.txt"


class Executor(Protocol):
    """Runs the workers of trials; a folder stands for its trial."""

    slots: int

    def start(self, folder: Path, modality: str) -> None:
        """Start the worker of the trial in `folder`."""

    def ended(self, folder: Path) -> int | None:
        """Return the exit code of the trial's worker (negative: killed by that signal), or None while it runs."""

    def stop(self, folder: Path) -> None:
        """Stop the trial's worker and wait for its end."""

    def close(self) -> None:
        """Stop all workers."""


class Local:
    """One process for each trial, `slots` at a time; the cores are shared out among them."""

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self._running: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self, folder: Path, modality: str) -> None:
        """Start the worker of the trial in `folder`; what it says is appended to its log."""
        self._running[folder] = spawn(folder, max(1, (os.cpu_count() or 1) // self.slots))

    def ended(self, folder: Path) -> int | None:
        """Return the exit code of the trial's worker, or None while it runs."""
        code = self._running[folder].poll()
        if code is not None:
            _let_go(self._running.pop(folder))
        return code

    def stop(self, folder: Path) -> None:
        """Stop the trial's worker and wait for its end."""
        process = self._running.pop(folder)
        process.kill()
        process.wait()
        _let_go(process)

    def close(self) -> None:
        """Stop all workers."""
        for folder in list(self._running):
            self.stop(folder)


def spawn(folder: Path, threads: int) -> "subprocess.Popen[bytes]":
    """Start a worker that ends with this process: it reads a pipe that only this process holds."""
    environment = {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    with open(folder / LOG, "ab") as log:
        return subprocess.Popen([*COMMAND, str(folder)], stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment)


def _let_go(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin:
        process.stdin.close()
