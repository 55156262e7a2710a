"""The process of one trial: `python -m thriftune.sweep.worker FOLDER`. It ends with its parent, and goes on where one
before it was killed. What came out stands in the run folder; the exit code only says whether it ended well.
"""

import fcntl
import importlib.metadata
import os
import platform
import sys
import threading
from pathlib import Path
from typing import Any

from thriftune.errors import UserError
from thriftune.files import write_json
from thriftune.road import baseline, travel
from thriftune.sweep.folder import specification
from thriftune.version import VERSION

MACHINE = "machine.json"
_PACKAGES = ("torch", "transformers", "peft", "bitsandbytes")


def work(folder: Path) -> None:
    """Do what is left of the trial in a folder, when no other process works in it any more.

    Raises:
        UserError: see `errors`.
    """
    with open(folder / ".worker", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the worker of a driver that was killed may take a moment to end
        write_json(folder / MACHINE, machine())
        recipe, kind, shots = specification(folder)
        if kind == "base":
            baseline(recipe, folder, shots)
        else:
            travel(recipe, folder, ("teach", "dataset", "train", "evaluate"))


def machine() -> dict[str, Any]:
    """Return what a result may depend on: processor, cores, versions."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {"thriftune": VERSION, **versions},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _end_with_parent() -> None:
    """Wait for the end of stdin, a pipe that the parent holds: it closes however the parent ends."""
    while os.read(0, 1 << 10):  # not sys.stdin: its lock, held by this thread, would make the end of Python a crash
        pass
    os._exit(3)


def main() -> int:
    """Work in the folder of the command line; return the exit code."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        work(Path(sys.argv[1]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
