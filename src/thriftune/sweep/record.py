"""From the folder of a trial that has ended to its record. A figure that is not there is not in the record either."""

import json
import time
from pathlib import Path
from typing import Any

from thriftune.files import content_id, read_records
from thriftune.records import QuestionLoss, Verdict
from thriftune.runs import Run
from thriftune.sweep.trial import Trial
from thriftune.sweep.worker import MACHINE

_MATCHES = {"execution_match": "execution_match", "robust_match": "robust_match", "canonical_match": "canonical"}


def record_of(trial: Trial, folder: Path, code: int, more: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a trial whose process ended with `code` (negative: killed by that signal).

    Args:
        more: what the driver knows: `status` of a trial that it stopped, say.
    """
    run = Run(folder)
    told = {"id": trial.id, "kind": trial.kind, "overrides": dict(trial.overrides), "seed": trial.seed}
    told |= {"shots": trial.shots} if trial.kind == "base" else {}
    told |= {"like": trial.like} if trial.like else {}
    told |= {**_ending(run, folder, code), **_read(folder / MACHINE), "recorded": round(time.time())}
    if code == 0 and told["status"] == "done":
        told |= _results(run, trial.kind)
    return told | more


def _ending(run: Run, folder: Path, code: int) -> dict[str, str]:
    if code == 0:
        return {"status": "done"}
    stages = [str(record.get("status", "")) for record in run.manifest["stages"].values()]
    if "out_of_memory" in stages:
        return {"status": "out_of_memory"}
    if code < 0:
        return {"status": "crashed", "reason": f"killed by signal {-code}; 9 may be the system, out of memory"}
    failed = next((status for status in stages if status.startswith("failed: ")), "")
    return {"status": "failed", "reason": failed.removeprefix("failed: ") or _last_line(folder / "log.txt")}


def _results(run: Run, kind: str) -> dict[str, Any]:
    who, suffix = ("tuned", "") if kind == "tuned" else ("base", "-base")
    scores = dict(_read(run.path("scores.json"))[who])
    verdicts = sorted(read_records(run.path(f"verdicts{suffix}.jsonl"), Verdict), key=lambda v: v.question_id)
    found: dict[str, Any] = {"scores": {key: value for key, value in scores.items() if key != "families"}}
    found["questions"] = content_id([verdict.question_id for verdict in verdicts])
    found["verdicts"] = {
        metric: "".join(_bit(getattr(verdict, field)) for verdict in verdicts) for metric, field in _MATCHES.items()
    }
    if (path := run.path(f"losses{suffix}.jsonl")).exists():
        losses = sorted(read_records(path, QuestionLoss), key=lambda loss: loss.question_id)
        found["label_losses"] = [round(loss.label_nats / loss.label_tokens, 5) for loss in losses]
    found["evaluate_seconds"] = run.manifest["stages"]["evaluate"]["seconds"]
    return found | ({"train": run.figures("train")} if kind == "tuned" else {})


def _bit(value: bool | None) -> str:
    return "-" if value is None else str(int(value))


def _read(path: Path) -> dict[str, Any]:
    """Return an object of the trial's; nothing where its process ended before it was written."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
    return lines[-1].removeprefix("error: ") if lines else "it ended without a word"
