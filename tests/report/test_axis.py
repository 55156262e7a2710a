"""An axis has round figures."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.report.axis import ticks


@pytest.mark.parametrize(
    ("top", "expected"),
    [(0.172, [0, 0.05, 0.1, 0.15]), (4.9, [0, 1, 2, 3, 4]), (35.2, [0, 10, 20, 30]), (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1])],
)
def test_figures_are_round(top, expected):
    assert ticks(top) == expected


@given(st.floats(1e-6, 1e12))
def test_few_figures_none_beyond_the_end(top):
    found = ticks(top)
    assert found[0] == 0 and 2 <= len(found) - 1 <= 5 and found[-1] <= top * (1 + 1e-9)
    steps = {round((b - a) / found[1], 6) for a, b in pairwise(found)}
    assert steps == {1.0}
