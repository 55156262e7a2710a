"""Training that runs out of memory is tried again with smaller micro-batches: the effective batch stays the same."""

import gc
from collections.abc import Callable
from typing import Any

from thriftune.errors import OutOfMemoryError
from thriftune.recipe import Recipe
from thriftune.runs import is_out_of_memory

SMALLEST = 64  # tokens: below, a micro-batch is one example whatever the number


def with_smaller_batches(
    train: Callable[[Recipe], dict[str, Any]], recipe: Recipe, tell: Callable[[list[dict[str, Any]]], None]
) -> dict[str, Any]:
    """Train; return the figures, with `attempts` where memory ran out before.

    Training goes on from its last checkpoint. `tell` is called with the attempts so far each time memory runs out.

    Raises:
        OutOfMemoryError: memory ran out with one example at a time too.
    """
    attempts: list[dict[str, Any]] = []
    micro_tokens = recipe.train.micro_tokens
    while True:
        changed = recipe.train.model_copy(update={"micro_tokens": micro_tokens})
        figures = _attempt(train, recipe.model_copy(update={"train": changed}))
        if isinstance(figures, dict):
            return {**figures, "attempts": attempts} if attempts else figures
        attempts.append({"micro_tokens": micro_tokens, "outcome": "out_of_memory", "said": figures})
        tell(attempts)
        if micro_tokens <= SMALLEST:
            raise OutOfMemoryError(
                f"memory ran out, also with one example at a time ({figures}). Free memory, or take less: "
                "train.checkpointing=true, train.modality=lora, a smaller student. See: thriftune plan RECIPE"
            )
        micro_tokens = max(SMALLEST, micro_tokens // 2)
        gc.collect()  # what the failed step left behind


def _attempt(train: Callable[[Recipe], dict[str, Any]], recipe: Recipe) -> dict[str, Any] | str:
    """Return the figures, or the first line of what was said when memory ran out."""
    try:
        return train(recipe)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]
