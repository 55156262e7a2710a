"""Is the export the model that was trained? Its answers beside the trained model's, on the run's test questions.

Three things must hold, or the export is refused:

* every prompt becomes the same token ids;
* enough answers are the same text (`agreement`);
* canonical and execution match differ by no more than `difference`, in either direction.

The margins speak of these questions. What they say of others is in the paired intervals: 95 % bootstrap over the
questions; where no question differs, Wilson's bound in both directions.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thriftune.evaluate.scores import interval, ratio_interval
from thriftune.records import Verdict
from thriftune.ship.worker import Answer


@dataclass(frozen=True)
class Margin:
    """What an export may differ by: least share of equal answers, largest difference of a rate."""

    agreement: float
    difference: float


# the same weights in the same precision differ by the order of sums alone; fewer bits change answers that were close
MARGINS = {
    "adapter": Margin(0.95, 0.02),
    "merged": Margin(0.95, 0.02),
    "gguf-f16": Margin(0.9, 0.05),
    "gguf-q8_0": Margin(0.75, 0.05),
    "ollama": Margin(0.75, 0.05),
}
RATES: dict[str, Callable[[Verdict], float | None]] = {
    "canonical_match": lambda verdict: None if verdict.execution_match is None else float(verdict.canonical),
    "execution_match": lambda verdict: None if verdict.execution_match is None else float(verdict.execution_match),
}


@dataclass(frozen=True)
class Side:
    """The answers of one model with their verdicts, in the order of the questions."""

    answers: Sequence[Answer]
    verdicts: Sequence[Verdict]


def compare(
    trained: Side, export: Side, margin: Margin, ids_of: Callable[[str], Sequence[int]], resamples: int
) -> dict[str, Any]:
    """Return what `parity.json` says of one form.

    Args:
        ids_of: the trained model's tokenizer; texts of all forms are compared as its tokens.
    """
    pairs = list(zip(trained.answers, export.answers, strict=True))
    found: dict[str, Any] = {
        "prompts": interval([float(a.prompt_id == b.prompt_id) for a, b in pairs], resamples),
        "tokens": ratio_interval([_same_start(ids_of(a.text), ids_of(b.text)) for a, b in pairs], resamples),
        "labels": interval([float(a.text == b.text) for a, b in pairs], resamples),
    }
    for name, rate in RATES.items():
        both = [(rate(a), rate(b)) for a, b in zip(trained.verdicts, export.verdicts, strict=True)]
        found[name] = _rates([(a, b) for a, b in both if a is not None and b is not None], resamples)
    faults = faults_of(found, margin)
    return {**found, "margin": asdict(margin), "faults": faults, "passed": not faults}


def faults_of(found: dict[str, Any], margin: Margin) -> list[str]:
    """Return what is beyond the margin, a sentence each."""
    said = []
    prompts, labels = found["prompts"], found["labels"]
    if prompts["value"] < 1:
        said.append(f"{_percent(1 - prompts['value'])} of the prompts become other token ids")
    if labels["value"] < margin.agreement:
        said.append(f"{_percent(labels['value'])} of the answers are the same, {_percent(margin.agreement)} are needed")
    for name in RATES:
        difference = found[name]["difference"]["value"] if found[name] else 0.0
        if abs(difference) > margin.difference + 1e-9:
            said.append(f"{name.replace('_', ' ')} differs by {100 * difference:+.1f} points, {_points(margin)}")
    return said


def paired(differences: Sequence[float], resamples: int) -> dict[str, float | int]:
    """Return `{value, low, high, n}` of differences in −1 … 1, question by question."""
    cell = interval(differences, resamples)
    return cell if any(differences) else {**cell, "low": -cell["high"]}


def _rates(both: Sequence[tuple[float, float]], resamples: int) -> dict[str, Any] | None:
    """Return both rates and their paired difference; None where the engine could judge nothing."""
    if not both:
        return None
    trained, export = [a for a, _ in both], [b for _, b in both]
    return {
        "trained": interval(trained, resamples),
        "export": interval(export, resamples),
        "difference": paired([b - a for a, b in both], resamples),
    }


def _same_start(trained: Sequence[int], export: Sequence[int]) -> tuple[int, int]:
    """Return how many tokens are the same before the first that differs, the end counted as one, and of how many."""
    same = 0
    for a, b in zip(trained, export, strict=False):
        if a != b:
            return same, max(len(trained), len(export)) + 1
        same += 1
    return same + (len(trained) == len(export)), max(len(trained), len(export)) + 1


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _points(margin: Margin) -> str:
    return f"{100 * margin.difference:.0f} are allowed"
