"""From two shallow students to a deep one: what every layer adds is added for the layers that were not run.

Bytes alive grow by the same amount with each layer run, so the peak of each *moment* (behind the first layer, behind
the last, in the optimizer, …) is a straight line over the depth; the peak of all is the highest of the lines. It need
not be at the same moment in a shallow and in a deep student, so peaks alone must not be extrapolated.
"""

import re
from collections.abc import Iterable, Sequence

from thriftune.plan.meter import Segment

SHALLOW = (3, 4)  # layers; with three the second from the front and the second from the back are there
_LAYER = re.compile(r"(\d+)/(\d+)")


def extrapolated(shallow: Sequence[Iterable[Segment]], depth: int) -> Segment:
    """Return the peak of a student of `depth` layers from the segments of two students, of `SHALLOW` layers."""
    near, far = map(_moments, shallow)
    steps = (depth - SHALLOW[0]) / (SHALLOW[1] - SHALLOW[0])
    lines = [_line(name, near[name], far[name], steps) for name in near.keys() & far.keys()]
    return max(lines, key=lambda segment: segment.total)


def _line(name: str, near: Segment, far: Segment, steps: float) -> Segment:
    kinds = {kind: round(size + steps * (far.bytes[kind] - size)) for kind, size in near.bytes.items()}
    return Segment(name, sum(kinds.values()), kinds)


def _moments(segments: Iterable[Segment]) -> dict[str, Segment]:
    """The highest segment of each moment; layers are named by their place from the front and from the back."""
    found: dict[str, Segment] = {}
    for segment in segments:
        for name in _names(segment.name):
            if name not in found or segment.total > found[name].total:
                found[name] = segment
    return found


def _names(name: str) -> list[str]:
    layer = _LAYER.search(name)
    if not layer:
        return [name]
    index, count = int(layer[1]), int(layer[2])
    places = [f"{index} from the front"] * (index < 2) + [f"{count - 1 - index} from the back"] * (count - index <= 2)
    return [name.replace(layer[0], place) for place in places]
