"""Differences between two settings on the same test questions, seeds as clusters.

Both settings answer the same questions with the same seeds; the difference of each (seed, question) is paired. The
bootstrap draws seeds and questions with replacement and on their own, so that what varies from seed to seed and from
question to question both widen the interval. Few seeds make it too narrow rather than too wide: with three, a 95 %
interval covers less than 95 %, and with one it holds for that one training alone. Where every difference is the same
the bootstrap would claim certainty; the interval then is what Wilson's bound leaves for those that did not turn up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thriftune.evaluate.scores import unseen

if TYPE_CHECKING:
    import numpy


@dataclass(frozen=True)
class Difference:
    """The mean difference with its 95 % interval, over so many seeds (or pairs of trials) and questions."""

    value: float
    low: float
    high: float
    seeds: int
    questions: int

    @property
    def shown(self) -> int:
        """Return 1 where the interval lies above 0, -1 where below, 0 where nothing is shown."""
        return (self.low > 0) - (self.high < 0)


def matches(first: Sequence[str], second: Sequence[str], resamples: int = 4000, seed: int = 42) -> Difference | None:
    """Return the difference of two rates, first less second; None where no question was judged in both.

    Args:
        first, second: for each seed, verdicts on the same questions in the same order: `1`, `0`, or `-` (not judged).
    """
    import numpy

    pairs = list(zip(first, second, strict=True))
    judged = [place for place in range(len(first[0])) if not any("-" in (a[place], b[place]) for a, b in pairs)]
    if not judged:
        return None
    table = numpy.array([[int(a[place]) - int(b[place]) for place in judged] for a, b in pairs], dtype=float)
    if table.min() == table.max():
        value, margin = float(table.mean()), unseen(table.shape[1])
        return Difference(value, max(-1.0, value - margin), min(1.0, value + margin), *table.shape)
    return _bootstrap(table, resamples, seed)


def losses(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], resamples: int = 4000, seed: int = 42
) -> Difference:
    """Return the difference of two mean losses, first less second; each question counts the same.

    Args:
        first, second: for each seed, the losses of the same questions in the same order.
    """
    import numpy

    return _bootstrap(numpy.array(first, dtype=float) - numpy.array(second, dtype=float), resamples, seed)


def _bootstrap(table: "numpy.ndarray[Any, Any]", resamples: int, seed: int) -> Difference:
    """The mean of differences (seeds × questions) with its interval."""
    import numpy

    (seeds, questions), value = table.shape, float(table.mean())
    chance = numpy.random.default_rng(seed)
    by_seed = chance.multinomial(seeds, [1 / seeds] * seeds, size=resamples)
    by_question = chance.multinomial(questions, [1 / questions] * questions, size=resamples)
    means = ((by_seed @ table) * by_question).sum(axis=1) / (seeds * questions)
    low, high = numpy.percentile(means, [2.5, 97.5])
    return Difference(value, min(float(low), value), max(float(high), value), seeds, questions)
