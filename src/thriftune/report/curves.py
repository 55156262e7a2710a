"""Loss curves as a small SVG that follows the page's colours; no script, no outside file."""

from collections.abc import Sequence
from typing import Any

from thriftune.report.axis import lines_across

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 240, 44, 28, 12
_SERIES = (
    ("label_loss", "label, training", "a", True),
    ("rationale_loss", "rationale, training", "b", True),
    ("valid_label_loss", "label, validation", "a", False),
    ("valid_rationale_loss", "rationale, validation", "b", False),
)


LEGEND = (  # HTML
    '<span class="key-a">━ ● label</span> &nbsp; <span class="key-b">╍ ○ rationale</span> &nbsp; '
    "lines: training, smoothed; dots: validation"
)


def loss_curves(metrics: Sequence[dict[str, Any]]) -> str:
    """Return an SVG of the losses per token over the steps; training is smoothed over a tenth of the steps."""
    if len(metrics) < 2:
        return ""
    lines: dict[str, list[tuple[int, float]]] = {
        key: [(m["step"], m[key]) for m in metrics if key in m] for key, *_ in _SERIES
    }
    lines = {
        key: _smooth(points) if key in ("label_loss", "rationale_loss") else points for key, points in lines.items()
    }
    top: float = max((value for points in lines.values() for _, value in points), default=0.0) * 1.05
    last: int = metrics[-1]["step"]
    if top <= 0:
        return ""

    def x(step: int) -> float:
        return _LEFT + (step - 1) / max(1, last - 1) * (_WIDTH - _LEFT - 10)

    def y(value: float) -> float:
        return _TOP + (1 - value / top) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_told(lines)}">']
    parts += lines_across(top, y, (_LEFT, _WIDTH - 10), "{:g}".format)
    for step in sorted({1, last // 2, last}):
        anchor = "end" if step == last else "middle"  # the last one would stick out
        parts.append(f'<text x="{x(step):.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">step {step}</text>')
    for key, title, colour, line in _SERIES:
        points = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in lines[key])
        if line and points:
            dashes = ' stroke-dasharray="6 3"' if colour == "b" else ""
            parts.append(f'<polyline class="{colour}"{dashes} points="{points}"><title>{title}</title></polyline>')
        else:
            parts += [_dot(colour, x(step), y(value), f"{title} {value:.3f}") for step, value in lines[key]]
    return "\n".join([*parts, "</svg>"])


def _told(lines: dict[str, list[tuple[int, float]]]) -> str:
    """The picture in words, for those who do not see it."""
    ends = [
        f"{title} from {lines[key][0][1]:.2f} to {lines[key][-1][1]:.2f}"
        for key, title, _, line in _SERIES
        if line and lines[key]
    ]
    return f"Loss per token over optimizer steps: {'; '.join(ends)}"


def _dot(colour: str, x: float, y: float, title: str) -> str:
    return f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{title}</title></circle>'


def _smooth(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    window = max(1, len(points) // 10)
    means = []
    for index, (step, _) in enumerate(points):
        near = points[max(0, index - window + 1) : index + 1]
        means.append((step, sum(value for _, value in near) / len(near)))
    return means
