"""A plan that is asked again makes only the simulations that are new, and says what it would have said."""

import pytest

from thriftune.plan.batches import Rows
from thriftune.plan.devices import Device
from thriftune.plan.make import make_plan
from thriftune.plan.remembered import Abandoned, Remembered
from thriftune.recipe import Recipe
from thriftune.testing import tiny

RECIPE = {"name": "x", "task": {"collections": {"films": {"demo": "films"}}}, "teacher": {"lessons": ["demo:films"]}}
PLENTY = Device("a test", 10**12, "cpu", False)


def recipe(**train):
    settings = {"precision": "fp32", "rank": 4, "batch": 2, "micro_tokens": 2048, **train}
    return Recipe.model_validate({**RECIPE, "train": settings, "evaluate": {"batch": 2, "max_new_tokens": 8}})


def sizes(plan):
    return [(option.modality, option.kinds) for line in plan.lines for option in (line.asked, line.turned) if option]


@pytest.fixture
def planned(make_rows):
    config = tiny.causal().config

    def make(remembered, device=PLENTY, abandoned=lambda: False, rows=2, **train):
        made = Rows(make_rows("causal", rows), "rows")
        simulations = [remembered.simulations(abandoned)] if remembered else []
        return make_plan(recipe(**train), config, made, device, None, *simulations)

    return make


def test_only_what_changed_is_simulated_and_the_plan_is_the_same(planned):
    remembered = Remembered()
    first = planned(remembered)
    made = remembered.made
    modalities = sum(not line.asked.missing for line in first.lines)
    assert made == modalities + 1, "each modality, and the evaluation"
    assert sizes(planned(remembered)) == sizes(first) == sizes(planned(None)) and remembered.made == made
    assert sizes(planned(remembered, Device("more", 10**13, "cpu", False))) == sizes(first) and remembered.made == made

    other = planned(remembered, rank=8)
    assert sizes(other) == sizes(planned(None, rank=8)) != sizes(first)
    assert remembered.made == made + modalities - 1, "full fine-tuning has no rank"
    made = remembered.made
    assert sizes(planned(remembered, checkpointing=True)) == sizes(planned(None, checkpointing=True))
    assert remembered.made == made + modalities
    made = remembered.made
    assert sizes(planned(remembered, rows=3, batch=3)) == sizes(planned(None, rows=3, batch=3))
    assert remembered.made > made


def test_a_plan_that_nobody_waits_for_ends_before_the_next_simulation(planned):
    remembered = Remembered()
    with pytest.raises(Abandoned):
        planned(remembered, abandoned=lambda: remembered.made == 1)
    assert remembered.made == 1
    first = planned(remembered)  # goes on with what is there
    assert sizes(planned(remembered, abandoned=lambda: True)) == sizes(first)
