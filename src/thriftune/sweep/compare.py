"""Run folders compared on the test questions they share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thriftune.errors import InputError
from thriftune.records import Verdict
from thriftune.runs import read_records
from thriftune.sweep.findings import points
from thriftune.sweep.paired import Difference, matches

METRICS = {
    "execution_match": "execution match",
    "robust_match": "robust execution match",
    "canonical": "canonical match",
}


def compare(runs: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the paired differences of the first run less each of the others.

    Raises:
        InputError: a run has no verdicts, there is only one run, or two share no question.
    """
    if len(runs) < 2:
        raise InputError("two run folders at least are compared")
    first, *others = [(run, _verdicts(run)) for run in runs]
    return [_pair(*first, *other) for other in others]


def _verdicts(run: Path) -> dict[str, Verdict]:
    path = run / "verdicts.jsonl"
    if not path.exists():
        raise InputError(f"{run} has no verdicts.jsonl. Run: thriftune run RECIPE")
    return {verdict.question_id: verdict for verdict in read_records(path, Verdict)}


def _pair(run: Path, own: dict[str, Verdict], other: Path, theirs: dict[str, Verdict]) -> dict[str, Any]:
    shared = sorted(own.keys() & theirs.keys())
    if not shared:
        raise InputError(f"{run} and {other} share no test question: nothing can be compared")
    found: dict[str, Any] = {"first": str(run), "second": str(other), "only_in_one": len(own.keys() ^ theirs.keys())}
    for metric in METRICS:
        bits = ["".join(_bit(getattr(side[key], metric)) for key in shared) for side in (own, theirs)]
        difference = matches([bits[0]], [bits[1]])
        found[metric] = None if difference is None else vars(difference)
    return found


def _bit(value: bool | None) -> str:
    return "-" if value is None else str(int(value))


def lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """Return the comparisons as text."""
    told = []
    for pair in found:
        told.append(f"{pair['first']} − {pair['second']}")
        for metric, title in METRICS.items():
            told.append(f"  {title:<24} {points(Difference(**pair[metric]) if pair[metric] else None)}")
        if pair["only_in_one"]:
            told.append(f"  {pair['only_in_one']} questions were asked of one of them only and are left out")
    return [*told, "One training each: the intervals are over questions, not over seeds."]
