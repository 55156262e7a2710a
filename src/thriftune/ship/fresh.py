"""Ask a folder in a fresh process: nothing of the process that made it can hide a fault in it."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thriftune.errors import ExportError
from thriftune.files import read_records, write_json, write_records
from thriftune.recipe import Evaluate
from thriftune.records import dump
from thriftune.ship.worker import Answer, Asked, Form, Spec


def ask(
    form: Form,
    folder: Path,
    asked: Sequence[Asked],
    settings: Evaluate,
    *,
    file: str = "",
    recipe: dict[str, Any] | None = None,
) -> list[Answer]:
    """Return the answers of a folder, in the order of the questions; see `worker.Spec` for the arguments.

    Raises:
        ExportError: it cannot be loaded or asked; the message has the last line that was said.
    """
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        spec = Spec(
            form=form,
            folder=folder.resolve(),
            file=file,
            recipe=recipe,
            questions=place / "questions.jsonl",
            answers=place / "answers.jsonl",
            batch=settings.batch,
            max_new_tokens=settings.max_new_tokens,
        )
        write_records(spec.questions, asked)
        write_json(place / "spec.json", dump(spec))
        _run(place / "spec.json", f"{folder / file} cannot be loaded and asked")
        return read_records(spec.answers, Answer)


def _run(spec: Path, fault: str) -> None:
    environment = {**os.environ, "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
    command = [sys.executable, "-m", "thriftune.ship.worker", str(spec)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ExportError(f"{fault}: {said[-1] if said else f'exit code {done.returncode}'}")
