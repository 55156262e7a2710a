"""Memory that really runs out: PyTorch's allocator is asked for more than any machine has."""

import pytest
import torch

from thriftune.errors import OutOfMemoryError
from thriftune.plan.retry import with_smaller_batches
from thriftune.recipe import Recipe

pytestmark = pytest.mark.slow  # minutes on two cores

RECIPE = {"name": "x", "task": {"collections": {"films": {"demo": "films"}}}, "teacher": {"lessons": ["demo:films"]}}


def recipe(micro_tokens):
    return Recipe.model_validate({**RECIPE, "train": {"micro_tokens": micro_tokens, "batch": 16}})


def trains_up_to(limit, seen):
    def train(changed):
        seen.append((changed.train.micro_tokens, changed.train.batch))
        if changed.train.micro_tokens > limit:
            torch.empty(1 << 55)
        return {"steps": 3}

    return train


def test_smaller_micro_batches_are_tried_with_the_same_effective_batch():
    seen, told = [], []
    figures = with_smaller_batches(trains_up_to(1100, seen), recipe(4096), lambda attempts: told.append(len(attempts)))
    assert seen == [(4096, 16), (2048, 16), (1024, 16)] and told == [1, 2]
    assert figures["steps"] == 3
    assert [(a["micro_tokens"], a["outcome"]) for a in figures["attempts"]] == [
        (4096, "out_of_memory"),
        (2048, "out_of_memory"),
    ]
    assert "allocate memory" in figures["attempts"][0]["said"]


def test_without_an_accident_nothing_is_added():
    assert with_smaller_batches(trains_up_to(10**6, []), recipe(4096), print) == {"steps": 3}


def test_when_one_example_is_too_much_the_outcome_has_a_name():
    told = []
    with pytest.raises(OutOfMemoryError, match=r"train\.checkpointing=true"):
        with_smaller_batches(trains_up_to(0, []), recipe(256), lambda attempts: told.append(list(attempts)))
    assert [attempt["micro_tokens"] for attempt in told[-1]] == [256, 128, 64]


def test_another_fault_is_not_swallowed():
    def train(changed):
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        with_smaller_batches(train, recipe(256), print)
