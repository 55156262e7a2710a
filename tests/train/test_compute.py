"""Processed tokens: what is counted, and how many steps a budget buys."""

import pytest

from thriftune.recipe import Train
from thriftune.train.batches import Row, pack, scale_of
from thriftune.train.compute import batch_tokens, processed_tokens, steps_within
from thriftune.train.loop import epoch_batches, total_steps


def row(number: int, rationale: int) -> Row:
    return Row((1,) * 10, (number,) * 5, (2,) * (3 + number % 2), (3,) * rationale, 1, 1 if rationale else 0)


def rows(rationale: int) -> list[Row]:
    return [row(number, rationale) for number in range(10)]


SETTINGS = Train(batch=4, micro_tokens=40, epochs=1)


def test_a_step_counts_what_its_packs_hold():
    batch = rows(6)[:4]
    assert batch_tokens(batch, Train(batch=4)) == pack(batch, scale_of(batch, 0.5)).input_ids.numel()
    small = batch_tokens(batch, SETTINGS)
    assert small > batch_tokens(batch, Train(batch=4)), "a prefix is read once in each micro-batch"


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_the_budget_of_a_training_buys_its_own_steps(steps):
    def batches(epoch):
        return epoch_batches(rows(6), SETTINGS, epoch)

    spent = processed_tokens(batches, SETTINGS, steps)
    assert steps_within(batches, SETTINGS, spent) == steps
    assert total_steps(rows(6), SETTINGS.model_copy(update={"max_tokens": spent})) == steps, "epochs do not count"


def test_labels_alone_take_more_steps_and_come_nearest():
    budget = processed_tokens(lambda epoch: epoch_batches(rows(20), SETTINGS, epoch), SETTINGS, 6)

    def alone(epoch):
        return epoch_batches(rows(0), SETTINGS, epoch)

    steps = steps_within(alone, SETTINGS, budget)
    gaps = [abs(processed_tokens(alone, SETTINGS, count) - budget) for count in (steps - 1, steps, steps + 1)]
    assert steps > 6 and gaps[1] == min(gaps)
