"""Round figures for an axis."""

import math


def ticks(top: float, most: int = 5) -> list[float]:
    """Return round values from 0 up to `top`, at most `most` above 0, in steps of 1, 2 or 5 times a power of ten.

    Args:
        top: the end of the axis, greater than 0.
    """
    power = 10.0 ** math.floor(math.log10(top / most))
    step = next(size * power for size in (1, 2, 5, 10) if top / (size * power) <= most + 1e-9)
    return [round(number * step, 12) for number in range(math.floor(top / step + 1e-9) + 1)]
