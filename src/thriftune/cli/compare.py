"""The command `compare`: finished runs on the test questions they share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from thriftune.cli.app import Json, app
from thriftune.errors import InputError


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; the first is compared with each other.")],
    as_json: Json = False,
) -> None:
    """Compare runs on the test questions they share: paired differences with intervals.

    Example: thriftune compare runs/films-lora runs/films-full
    """
    from thriftune.evaluate.compare import compare as compared
    from thriftune.runs import Run

    if len(runs) < 2:
        raise InputError("one run folder cannot be compared. Give two: thriftune compare RUN RUN")
    first, *others = runs
    found = {str(other): compared((Run(first), "tuned"), (Run(other), "tuned")) for other in others}
    if as_json:
        pairs = [_pair(str(first), other, comparison) for other, comparison in found.items()]
        print(json.dumps(pairs, indent=2))
    else:
        print("\n".join(line for other, comparison in found.items() for line in _lines(first, other, comparison)))
        print("One training each: the intervals are over questions, not over seeds.")


def _pair(first: str, second: str, comparison: Any) -> dict[str, Any]:
    told = {"first": first, "second": second, "shared": len(comparison.shared), "left_out": comparison.left_out}
    return told | {"differences": comparison.differences}


def _lines(first: Path, second: str, comparison: Any) -> list[str]:
    from thriftune.evaluate.compare import METRICS

    told = [f"{first} − {second}: {len(comparison.shared)} questions with the same gold answer"]
    told += [f"  {title:<24} {_points(comparison.differences[metric])}" for metric, title in METRICS.items()]
    if comparison.left_out:
        told.append(f"  {comparison.left_out} questions that only one of them was asked are left out")
    return told


def _points(cell: dict[str, float | int] | None) -> str:
    from thriftune.evaluate.scores import points

    return points(cell["value"], cell["low"], cell["high"]) if cell else "–"
