"""Bodies that nobody would write: any JSON, and good bodies with parts removed, swapped, renamed or replaced."""

import copy

from hypothesis import strategies as st

KEYS = ["query", "bool", "must", "filter", "term", "range", "genres", "year", "cast", "aggs", "a", "field", "size"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["Horror", "5", "5.5", "now", "now-1d/d", "9999-12-31", "2000||+1M", "*", "", "asc", "\ud800", "_score"]
    )
    | st.text(max_size=5)
)


def json_values():
    keys = st.sampled_from(KEYS) | st.text(max_size=3)
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
    )


@st.composite
def mutated(draw, body):
    """A body with up to three parts changed, at any depth."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(1, 3))):
        if not body:
            return body
        holder, key = draw(st.sampled_from(list(_places(body))))
        change = draw(st.sampled_from(["replace", "drop", "rename", "wrap", "scalar", "swap"]))
        if change == "drop":
            del holder[key]
        elif change == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from(KEYS))] = holder.pop(key)
        elif change == "wrap":
            holder[key] = [holder[key]]
        elif change == "swap":
            other, place = draw(st.sampled_from(list(_places(body))))
            holder[key] = copy.deepcopy(other[place])
        else:
            holder[key] = draw(SCALARS if change == "scalar" else json_values())
    return body


def _places(value):
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])
