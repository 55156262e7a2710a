"""Round figures for an axis, and the lines across a picture at them."""

import math
from collections.abc import Callable


def ticks(top: float, most: int = 5) -> list[float]:
    """Return round values from 0 up to `top`, at most `most` above 0, in steps of 1, 2 or 5 times a power of ten.

    Args:
        top: the end of the axis, greater than 0.
    """
    power = 10.0 ** math.floor(math.log10(top / most))
    step = next(size * power for size in (1, 2, 5, 10) if top / (size * power) <= most + 1e-9)
    return [round(number * step, 12) for number in range(math.floor(top / step + 1e-9) + 1)]


def lines_across(
    top: float, y: Callable[[float], float], ends: tuple[int, int], told: Callable[[float], str]
) -> list[str]:
    """Return SVG: a line from end to end at each round value up to `top`, and before it the value.

    Args:
        y: where a value stands. told: how it is written.
    """
    left, right = ends
    parts = []
    for value in ticks(top):
        height = y(value)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text x="{left - 6}" y="{height + 4:.1f}" text-anchor="end">{told(value)}</text>')
    return parts


def percent(share: float) -> str:
    """Return a share as it stands on an axis, such as `15 %`."""
    return f"{share * 100:g} %"
