"""How many lessons will it take? A power law through the pilot's points, with what is not known about it.

`loss = a · lessons^-b` (a straight line in logarithms), fitted anew to resampled held-out questions. The interval is of
the questions alone: another choice of lessons, longer training and the end of the power law are not in it.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

_RESAMPLES = 1000
_TARGETS = (2, 4, 8)
_FLAT = 0.01  # an exponent that would need 2^100 times the lessons to halve the loss


@dataclass(frozen=True)
class Told:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """What the points say.

    Attributes:
        exponent: b; where its interval holds 0 the points show no gain from more lessons.
        losses: expected loss at numbers of lessons. halving: lessons that would halve the loss of the largest point.
    """

    points: list[tuple[int, float]]
    exponent: Told
    losses: dict[int, Told]
    halving: Told | None


def fitted(points: Sequence[tuple[int, Sequence[float]]], lessons: int) -> Curve | None:
    """Return the curve; None from fewer than two points.

    Args:
        points: lessons, and the loss of each held-out question, in the same order for every point.
        lessons: how many there are; the curve is read there and at multiples of it.
    """
    if len(points) < 2:
        return None
    questions = range(len(points[0][1]))
    chance = random.Random(42)
    lines = [_line(points, questions)]
    lines += [_line(points, chance.choices(questions, k=len(questions))) for _ in range(_RESAMPLES)]
    whole, largest = [(count, sum(each) / len(each)) for count, each in points], max(count for count, _ in points)
    wanted = [lessons, *(factor * lessons for factor in _TARGETS)]
    losses = {count: _told([math.exp(a - b * math.log(count)) for a, b in lines]) for count in wanted}
    exponent = _told([b for _, b in lines])
    if exponent.low <= _FLAT:
        return Curve(whole, exponent, losses, None)
    halving = _told([largest * 2 ** (1 / b) if b > _FLAT else math.inf for _, b in lines])
    return Curve(whole, exponent, losses, halving)


def _line(points: Sequence[tuple[int, Sequence[float]]], chosen: Sequence[int]) -> tuple[float, float]:
    """Least squares of log loss over log lessons: returns (a, b) of `a − b · log lessons`."""
    xs = [math.log(count) for count, _ in points]
    ys = [math.log(max(1e-9, sum(each[place] for place in chosen) / len(chosen))) for _, each in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((u - x) * (v - y) for u, v in zip(xs, ys, strict=True)) / sum((u - x) ** 2 for u in xs)
    return y - slope * x, -slope


def _told(values: Sequence[float]) -> Told:
    """The first value is of all questions; the others are resampled."""
    ordered = sorted(values[1:])
    return Told(values[0], ordered[int(0.025 * len(ordered))], ordered[int(0.975 * len(ordered))])
