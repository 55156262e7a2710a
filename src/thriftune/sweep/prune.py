"""Median pruning: a trial is stopped whose best validation loss of labels is above the median of the others' so far.

That loss is comparable although the label weight moves, which the mixed loss is not; it is never what trials are ranked
by. "So far" is at the same validation: every training has `train.validations` of them, whatever its length.
"""

import statistics
from collections.abc import Iterable
from pathlib import Path

from thriftune.files import read_lines
from thriftune.runs import Run

_LEAST = 4  # trials that have come as far: below, a median says little


def behind(folder: Path, others: Iterable[Path]) -> bool:
    """Tell whether the trial in `folder` should be stopped."""
    own = losses(folder)
    if not own or _trained(folder):
        return False
    point = len(own) - 1
    ended = [other for other in others if other != folder and _trained(other)]
    known = [found[point] for found in map(losses, ended) if len(found) > point]
    return len(known) >= _LEAST and min(own) > statistics.median(known)


def losses(folder: Path) -> list[float]:
    """Return the validation losses of labels of a trial so far, in the order of its validations."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    return [value["valid_label_loss"] for _, value in read_lines(path) if "valid_label_loss" in value]


def _trained(folder: Path) -> bool:
    return bool(Run(folder).manifest["stages"].get("train", {}).get("status") == "done")
