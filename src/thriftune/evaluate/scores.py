"""Rates with 95 % intervals from verdicts, and faults by kind."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from thriftune.records import Prediction, Verdict

_Z = 1.959964


def interval(values: Sequence[float], resamples: int, seed: int = 42) -> dict[str, float | int]:
    """Return `{value, low, high, n}`: the mean with a 95 % percentile bootstrap interval over questions.

    Where all values are the same the bootstrap would claim certainty; a rate then gets Wilson's bound instead.
    """
    n = len(values)
    mean = sum(values) / n
    if min(values) == max(values):
        low, high = wilson(mean, n) if mean in (0.0, 1.0) else (mean, mean)
    else:
        chance = random.Random(seed)
        means = sorted(sum(chance.choices(values, k=n)) / n for _ in range(resamples))
        low, high = _percentiles(means, mean)
    return {"value": round(mean, 6), "low": round(low, 6), "high": round(high, 6), "n": n}


def points(value: float, low: float, high: float) -> str:
    """Return a difference of rates with its interval, such as `+3.1 points [0.4, 5.8]`."""
    return f"{100 * value:+.1f} points [{100 * low:.1f}, {100 * high:.1f}]"


def unseen(n: int) -> float:
    """Return Wilson's upper bound on the rate of what did not turn up in n questions."""
    return _Z**2 / (n + _Z**2)


def ratio_interval(pairs: Sequence[tuple[float, int]], resamples: int, seed: int = 42) -> dict[str, float | int]:
    """Return `{value, low, high, n}` of `Σ sums / Σ counts`, with a 95 % percentile bootstrap over the pairs."""

    def ratio(chosen: Sequence[tuple[float, int]]) -> float:
        return sum(total for total, _ in chosen) / sum(count for _, count in chosen)

    chance, value = random.Random(seed), ratio(pairs)
    ratios = sorted(ratio(chance.choices(pairs, k=len(pairs))) for _ in range(resamples))
    low, high = _percentiles(ratios, value)
    return {"value": round(value, 6), "low": round(low, 6), "high": round(high, 6), "n": len(pairs)}


def scores_of(verdicts: Sequence[Verdict], resamples: int) -> dict[str, Any]:
    """Return every rate with its interval. Questions that the engine cannot judge are counted aloud and left out."""
    judged = [verdict for verdict in verdicts if verdict.execution_match is not None]
    table: dict[str, Any] = {"unsupported": len(verdicts) - len(judged)}
    if not judged:
        return table
    columns = {
        "valid": [float(v.valid) for v in judged],
        "exact_match": [float(v.exact) for v in judged],
        "canonical_match": [float(v.canonical) for v in judged],
        "execution_match": [float(bool(v.execution_match)) for v in judged],
        "execution_match_nonempty": [float(bool(v.execution_match)) for v in judged if not v.gold_empty],
        "robust_match": [float(v.robust_match) for v in judged if v.robust_match is not None],
        "result_f1": [v.result_f1 for v in judged],
    }
    table |= {name: interval(values, resamples) for name, values in columns.items() if values}
    table["faults"] = dict(Counter(v.fault for v in judged if v.fault).most_common())
    return table


def by_family(predictions: Sequence[Prediction], verdicts: Sequence[Verdict]) -> dict[str, dict[str, float | int]]:
    """Return execution match per clause family of the gold answer; a question counts in each of its families."""
    cells: dict[str, list[float]] = defaultdict(list)
    for prediction, verdict in zip(predictions, verdicts, strict=True):
        if verdict.execution_match is not None:
            for family in prediction.families:
                cells[family].append(float(verdict.execution_match))
    return {
        family: {"value": round(sum(values) / len(values), 6), "n": len(values)}
        for family, values in sorted(cells.items(), key=lambda item: -len(item[1]))
    }


def _percentiles(resampled: list[float], value: float) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of sorted resamples; few of them may all lie on one side of the value."""
    count = len(resampled)
    low, high = resampled[int(0.025 * count)], resampled[min(count - 1, int(0.975 * count))]
    return min(low, value), max(high, value)


def wilson(rate: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a rate of n questions: it holds for few of them too."""
    centre = (rate + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * (rate * (1 - rate) / n + _Z**2 / (4 * n * n)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)
