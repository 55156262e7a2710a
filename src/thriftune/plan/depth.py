"""From two shallow students to a deep one: what every layer adds is added for the layers that were not run.

Bytes alive grow by the same amount with each layer run, so the peak of each *moment* (behind the first layer, behind
the last, in the optimizer, …) is a straight line over the depth; the peak of all is the highest of the lines. It need
not be at the same moment in a shallow and in a deep student, so peaks alone must not be extrapolated.
"""

import re
from collections.abc import Iterable, Mapping

from thriftune.plan.meter import Segment

# Layers of the two. In a decoder beside an encoder the second from the front must not be the second from the back:
# behind it the backward sums the gradients that two later layers give the encoder's output, behind that not yet.
SHALLOW: dict[str, tuple[int, int]] = {"causal": (3, 4), "seq2seq": (4, 5)}
_LAYER = re.compile(r"(\d+)/(\d+)")


def extrapolated(shallow: Mapping[int, Iterable[Segment]], depth: int) -> Segment:
    """Return the peak of a student of `depth` layers from the segments of two students, by their numbers of layers."""
    less, more = sorted(shallow)
    near, far = _moments(shallow[less], less - 1), _moments(shallow[more], less - 1)
    steps = (depth - less) / (more - less)
    lines = [_line(name, near[name], far[name], steps) for name in near.keys() & far.keys()]
    return max(lines, key=lambda segment: segment.total)


def _line(name: str, near: Segment, far: Segment, steps: float) -> Segment:
    kinds = {kind: round(size + steps * (far.bytes[kind] - size)) for kind, size in near.bytes.items()}
    return Segment(name, sum(kinds.values()), kinds)


def _moments(segments: Iterable[Segment], back: int) -> dict[str, Segment]:
    """The highest segment of each moment; the first two layers and the last `back` are named by their places.

    In the shallower student these are all but its first layer, so no place is the first layer's in one student only.
    """
    found: dict[str, Segment] = {}
    for segment in segments:
        for name in _names(segment.name, back):
            if name not in found or segment.total > found[name].total:
                found[name] = segment
    return found


def _names(name: str, back: int) -> list[str]:
    layer = _LAYER.search(name)
    if not layer:
        return [name]
    index, count = int(layer[1]), int(layer[2])
    behind = count - 1 - index
    places = [f"{index} from the front"] * (index < 2) + [f"{behind} from the back"] * (behind < back)
    return [name.replace(layer[0], place) for place in places]
