"""What a training computes, in processed tokens: the measure by which objectives are compared at equal compute.

A step processes every token that the student reads in its forward passes: the constant prefix once a micro-batch, and
of each row the question, the label and the rationale. Padding is not counted. The count follows from the rows, the
order of the batches and `train.micro_tokens` alone, so it is the same on every machine that can hold these. Tokens are
not all equally dear: attention grows with what a token sees, and only supervised tokens need the output layer.
"""

from collections.abc import Callable, Iterator, Sequence

from thriftune.recipe import Train
from thriftune.train.batches import Row, micro_batches, size_of

Batches = Callable[[int], list[list[Row]]]  # epoch → its effective batches


def batch_tokens(batch: Sequence[Row], settings: Train) -> int:
    """Return the tokens that one step on an effective batch processes."""
    return sum(size_of(rows) for rows in micro_batches(batch, settings.micro_tokens))


def processed_tokens(batches: Batches, settings: Train, steps: int) -> int:
    """Return the tokens that the first `steps` steps process."""
    counts = _counts(batches, settings)
    return sum(next(counts) for _ in range(steps))


def steps_within(batches: Batches, settings: Train, tokens: int) -> int:
    """Return the number of steps, one at least, whose processed tokens come nearest to `tokens`."""
    seen = steps = 0
    for count in _counts(batches, settings):
        if steps and abs(seen + count - tokens) >= abs(seen - tokens):
            break
        seen, steps = seen + count, steps + 1
    return steps


def _counts(batches: Batches, settings: Train) -> Iterator[int]:
    epoch = 0
    while True:
        yield from (batch_tokens(batch, settings) for batch in batches(epoch))
        epoch += 1
