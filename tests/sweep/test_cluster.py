"""What a trial asks a Ray cluster for; that Ray gives the scores of `local` is in test_real.py."""

import pytest

from thriftune.recipe import Resources
from thriftune.sweep.cluster import options_of, places

ROOM = {"CPU": 8.0, "GPU": 2.0, "memory": 64e9}


@pytest.mark.parametrize(
    ("asked", "gpus", "options", "count"),
    [
        ({}, 0, {"num_cpus": 1, "num_gpus": 0}, 8),
        ({}, 1, {"num_cpus": 1, "num_gpus": 1}, 2),
        ({"cores": 4, "gpus": 0}, 1, {"num_cpus": 4, "num_gpus": 0}, 2),
        ({"gpus": 0.5}, 1, {"num_cpus": 1, "num_gpus": 0.5}, 4),
        ({"memory_gb": 24}, 0, {"num_cpus": 1, "num_gpus": 0, "memory": 24_000_000_000}, 2),
        ({"cores": 16}, 0, {"num_cpus": 16, "num_gpus": 0}, 0),
    ],
)
def test_a_trial_asks_for_the_resources_of_its_modality(asked, gpus, options, count):
    found = options_of(Resources(**asked), gpus)
    assert found == options and places(ROOM, found) == count
