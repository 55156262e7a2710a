"""Two sets of answers to the same questions, compared question by question."""

from collections.abc import Sequence
from dataclasses import dataclass

from thriftune.errors import InputError
from thriftune.evaluate.scores import interval, unseen
from thriftune.files import read_records
from thriftune.records import Prediction, Verdict
from thriftune.runs import Run

METRICS = {
    "execution_match": "execution match",
    "robust_match": "robust execution match",
    "canonical": "canonical match",
    "valid": "valid answers",
    "result_f1": "result F1",
}


@dataclass(frozen=True)
class Both:
    """One question with both answers and their verdicts."""

    predictions: tuple[Prediction, Prediction]
    verdicts: tuple[Verdict, Verdict]

    @property
    def differ(self) -> bool:
        """Whether one matches by execution and the other does not; False where one could not be judged."""
        first, second = (verdict.execution_match for verdict in self.verdicts)
        return None not in (first, second) and first != second


@dataclass(frozen=True)
class Comparison:
    """Differences, first less second, as `{value, low, high, n}` by metric; None where no question was judged in both.

    Attributes:
        shared: the questions both answered, with the same gold answer. left_out: how many others there are.
    """

    shared: list[Both]
    left_out: int
    differences: dict[str, dict[str, float | int] | None]


def compare(first: tuple[Run, str], second: tuple[Run, str], resamples: int = 4000) -> Comparison:
    """Compare the answers of two students, each named by its run and `tuned` or `base`.

    Raises:
        InputError: a run has no answers of that student, a file is damaged, or they share no question.
    """
    one, two = _answers(*first), _answers(*second)
    shared = [
        Both((one[key][0], two[key][0]), (one[key][1], two[key][1]))
        for key in one
        if key in two and _same(one, two, key)
    ]
    if not shared:
        raise InputError(f"{first[0].folder} and {second[0].folder} share no test question: nothing can be compared")
    found = {metric: _difference(shared, metric, resamples) for metric in METRICS}
    return Comparison(shared, len(one.keys() | two.keys()) - len(shared), found)


def paired(first: Sequence[float], second: Sequence[float], resamples: int, seed: int = 42) -> dict[str, float | int]:
    """Return `{value, low, high, n}` of the mean difference of pairs, with a 95 % percentile bootstrap over the pairs.

    Where all differences are the same the bootstrap would claim certainty; then the interval is what Wilson's bound
    leaves for those that did not turn up. Values are between 0 and 1.
    """
    each = [a - b for a, b in zip(first, second, strict=True)]
    cell = interval(each, resamples, seed)
    if min(each) < max(each):
        return cell
    value, margin = each[0], unseen(len(each))
    return {**cell, "low": round(max(-1.0, value - margin), 6), "high": round(min(1.0, value + margin), 6)}


def _answers(run: Run, who: str) -> dict[str, tuple[Prediction, Verdict]]:
    suffix = "" if who == "tuned" else f"-{who}"
    if not run.path(f"verdicts{suffix}.jsonl").exists():
        raise InputError(f"{run.folder} has no verdicts on its {who} student. Run: thriftune run RECIPE")
    verdicts = {verdict.question_id: verdict for verdict in read_records(run.path(f"verdicts{suffix}.jsonl"), Verdict)}
    predictions = read_records(run.path(f"predictions{suffix}.jsonl"), Prediction)
    return {p.question.id: (p, verdicts[p.question.id]) for p in predictions if p.question.id in verdicts}


def _same(one: dict[str, tuple[Prediction, Verdict]], two: dict[str, tuple[Prediction, Verdict]], key: str) -> bool:
    """An id may stand for another question in another run, or its lesson was edited in between."""
    first, second = one[key][0], two[key][0]
    return (first.question.text, first.question.collection, first.gold) == (
        second.question.text,
        second.question.collection,
        second.gold,
    )


def _difference(shared: Sequence[Both], metric: str, resamples: int) -> dict[str, float | int] | None:
    values = [[getattr(verdict, metric) for verdict in both.verdicts] for both in shared]
    judged = [(float(a), float(b)) for a, b in values if a is not None and b is not None]
    return paired([a for a, _ in judged], [b for _, b in judged], resamples) if judged else None
