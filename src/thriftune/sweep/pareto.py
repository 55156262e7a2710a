"""The Pareto front of quality, peak memory and seconds, and its picture: an SVG that follows the page's colours."""

from collections.abc import Sequence
from html import escape

from thriftune.report.axis import lines_across, percent, ticks
from thriftune.sweep.results import Result

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 300, 52, 40, 16
_COLOURS = {"full": "a", "lora": "b", "qlora": "c"}


def front(results: Sequence[Result], metric: str) -> list[Result]:
    """Return the results that no other one beats: as good in all of quality, memory and seconds, better in one."""
    known = [(r, costs) for r in results if (costs := _costs(r, metric)) is not None]
    return [r for r, own in known if not any(_beats(other, own) for _, other in known)]


def _costs(result: Result, metric: str) -> tuple[float, float, float] | None:
    """Return what is to be small; None where a figure is missing."""
    values = (result.score(metric), result.train("peak_bytes"), result.train("train_seconds"))
    quality, peak, seconds = values
    return None if quality is None or peak is None or seconds is None else (-quality, peak, seconds)


def _beats(other: tuple[float, float, float], own: tuple[float, float, float]) -> bool:
    return other != own and all(a <= b for a, b in zip(other, own, strict=True))


def picture(results: Sequence[Result], metric: str) -> str:
    """Return an SVG: quality over peak memory, a dot for each trial, its size by seconds, the front ringed."""
    once = list({r.record["id"]: r for r in results}.values())
    known = [(r, costs) for r in once if (costs := _costs(r, metric)) is not None]
    if len(known) < 2:
        return ""
    right = 1.05 * max(costs[1] for _, costs in known)
    top = max(1e-9, 1.1 * max(-costs[0] for _, costs in known))
    longest = max(costs[2] for _, costs in known) or 1.0
    best = {r.record["id"] for r in front(once, metric)}
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Quality over peak memory">']
    parts += _axes(top, right, metric)
    for r, (quality, peak, seconds) in known:
        x, y = _x(peak, right), _y(-quality, top)
        colour, size = _COLOURS.get(str(r.record["train"].get("modality")), "a"), 3 + 5 * seconds / longest
        name = escape(f"{r.record['overrides']}, seed {r.seed}: {-quality:.1%}, {peak / 1e9:.2f} GB, {seconds:.0f} s")
        parts.append(
            f'<circle class="{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{size:.1f}"><title>{name}</title></circle>'
        )
        if r.record["id"] in best:
            parts.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="{size + 3:.1f}"/>')
    return "\n".join([*parts, "</svg>"])


def _axes(top: float, right: float, metric: str) -> list[str]:
    parts = lines_across(top, lambda quality: _y(quality, top), (_LEFT, _WIDTH - 10), percent)
    for gigabytes in ticks(right / 1e9):
        x = _x(gigabytes * 1e9, right)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 22}" text-anchor="middle">{gigabytes:g} GB</text>')
    middle = (_LEFT + _WIDTH) / 2
    told = f"peak memory of training; up: {metric.replace('_', ' ')}"
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 6}" text-anchor="middle">{told}</text>')
    return parts


def _x(peak: float, right: float) -> float:
    return _LEFT + peak / right * (_WIDTH - _LEFT - 10)


def _y(quality: float, top: float) -> float:
    return _TOP + (1 - quality / top) * (_HEIGHT - _TOP - _BOTTOM)
