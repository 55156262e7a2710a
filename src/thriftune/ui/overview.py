"""A row for each run, from manifests and scores only; a missing figure is missing, never 0."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thriftune.errors import RunError
from thriftune.report.facts import number, rate
from thriftune.runs import Run

HEAD = ("run", "state", "student", "modality", "lessons", "steps", "execution match", "training, min", "peak, GB")


@dataclass(frozen=True)
class Overview:
    """What a run is and gave. `match` is the tuned student's execution match as `{value, low, high, n}`."""

    name: str
    state: str
    student: str = "–"
    modality: str = "–"
    lessons: int | None = None
    steps: int | None = None
    match: dict[str, Any] | None = None
    minutes: float | None = None
    peak_bytes: int | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of its row, as `HEAD` has them."""
        counts = tuple("–" if count is None else f"{count:,}" for count in (self.lessons, self.steps))
        peak = None if self.peak_bytes is None else self.peak_bytes / 1e9
        figures = (rate(self.match), number(self.minutes, 1), number(peak, 2))
        return (self.name, self.state, self.student, self.modality, *counts, *figures)


def overview(name: str, folder: Path) -> Overview:
    """Read a run; one that is damaged says so in its state."""
    try:
        manifest = Run(folder).manifest
    except RunError as error:
        return Overview(name, str(error))
    stages = manifest["stages"]
    figures = {stage: stages.get(stage, {}).get("figures") or {} for stage in ("dataset", "train")}
    train, recipe = figures["train"], manifest.get("recipe") or {}
    seconds = train.get("train_seconds")
    return Overview(
        name,
        _state(stages),
        Path(str(recipe.get("student", {}).get("model", "–"))).name,
        str(train.get("modality", "–")),
        figures["dataset"].get("train"),
        train.get("steps"),
        _scores(folder).get("tuned", {}).get("execution_match"),
        None if seconds is None else seconds / 60,
        train.get("peak_bytes"),
    )


def students(folder: Path) -> list[str]:
    """Return which students of a run were judged."""
    return [who for who, file in (("tuned", ""), ("base", "-base")) if (folder / f"verdicts{file}.jsonl").is_file()]


def pareto(runs: Sequence[Overview]) -> set[str]:
    """Return the names of the runs that no other beats in quality, time and memory at once."""
    known = [run for run in runs if None not in (run.match, run.minutes, run.peak_bytes)]
    return {run.name for run in known if not any(_beats(other, run) for other in known)}


def _beats(other: Overview, run: Overview) -> bool:
    pairs = list(zip(_costs(other), _costs(run), strict=True))
    return all(theirs <= ours for theirs, ours in pairs) and any(theirs < ours for theirs, ours in pairs)


def _costs(run: Overview) -> tuple[float, float, int]:
    assert run.match is not None and run.minutes is not None and run.peak_bytes is not None
    return -run.match["value"], run.minutes, run.peak_bytes


def _state(stages: dict[str, Any]) -> str:
    """The stage that the run has come to, and how that ended."""
    last = next((name for name in reversed(("teach", "dataset", "train", "evaluate", "report")) if name in stages), "")
    status = stages[last].get("status", "–") if last else "–"
    return "done" if (last, status) == ("report", "done") else f"{last}: {status}"


def _scores(folder: Path) -> dict[str, Any]:
    try:
        value = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
