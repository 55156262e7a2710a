"""What is told of a stage that takes long."""

import io

import pytest

from thriftune.progress import Progress


@pytest.fixture
def told(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("thriftune.progress.time.monotonic", lambda: clock[0])
    stream = io.StringIO()
    progress = Progress("train", stream, every_seconds=0.0)

    def at(second: float, done: int, total: int) -> str:
        clock[0] = second
        progress(done, total, "text")
        return stream.getvalue().splitlines()[-1]

    return at


def test_the_time_left_does_not_count_the_first_piece_which_warms_up(told):
    assert "left" not in told(60, 1, 11)
    assert told(62, 2, 11) == "train     2/11 1:02, 0:18 left text"
    assert "left" not in told(80, 11, 11)


def test_a_stage_that_counts_again_from_the_start_estimates_anew(told):
    told(60, 1, 11), told(80, 11, 11)
    assert "left" not in told(200, 1, 11)
    assert told(202, 2, 11).endswith("0:18 left text")
