"""Pictures of runs as SVG that follows the page's colours: quality over time, with memory as the size of the dot."""

import math
from collections.abc import Sequence
from html import escape

from thriftune.report.axis import lines_across, percent, ticks
from thriftune.report.facts import rate
from thriftune.ui.overview import Overview, pareto

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 300, 48, 150, 16, 44


def pareto_picture(runs: Sequence[Overview]) -> str:
    """Return a picture of the runs with all three figures; nothing where there are none.

    Whiskers are 95 % intervals. Filled dots are those that no other run beats in quality, time and memory at once.
    """
    known = [run for run in runs if None not in (run.match, run.minutes, run.peak_bytes)]
    if not known:
        return ""
    best = pareto(known)
    scale = _Scale(known)
    label = "Execution match over minutes of training"
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">', *_axes(scale)]
    parts += [_dot(run, scale, run.name in best) for run in known]
    return "\n".join([*parts, "</svg>"])


class _Scale:
    """Where figures stand in the picture."""

    def __init__(self, runs: Sequence[Overview]) -> None:
        self.minutes = max(run.minutes or 0.0 for run in runs) * 1.08 or 1.0
        self.quality = min(1.0, max(run.match["high"] for run in runs if run.match) * 1.15 or 1.0)
        self._bytes = max(run.peak_bytes or 1 for run in runs)

    def x(self, minutes: float) -> float:
        return _LEFT + minutes / self.minutes * (_WIDTH - _LEFT - _RIGHT)

    def y(self, quality: float) -> float:
        return _TOP + (1 - quality / self.quality) * (_HEIGHT - _TOP - _BOTTOM)

    def radius(self, size: int) -> float:
        """The area is in proportion to the memory."""
        return max(3.0, 13.0 * math.sqrt(size / self._bytes))


def _axes(scale: _Scale) -> list[str]:
    right = _WIDTH - _RIGHT
    parts = lines_across(scale.quality, scale.y, (_LEFT, right), percent)
    for minutes in ticks(scale.minutes):
        x = scale.x(minutes)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 26}" text-anchor="middle">{minutes:g}</text>')
    parts.append(f'<text x="{(_LEFT + right) / 2}" y="{_HEIGHT - 6}" text-anchor="middle">minutes of training</text>')
    return parts


def _dot(run: Overview, scale: _Scale, best: bool) -> str:
    assert run.match is not None and run.minutes is not None and run.peak_bytes is not None
    x, y, radius = scale.x(run.minutes), scale.y(run.match["value"]), scale.radius(run.peak_bytes)
    low, high = scale.y(run.match["low"]), scale.y(run.match["high"])
    told = escape(f"{run.name}: {rate(run.match)}, {run.minutes:.1f} minutes, {run.peak_bytes / 1e9:.2f} GB")
    return (
        f'<g class="run{" best" if best else ""}"><title>{told}</title>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
        f'<text x="{x + radius + 6:.1f}" y="{y + 4:.1f}">{escape(run.name)}</text></g>'
    )
