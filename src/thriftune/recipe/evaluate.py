"""The section `evaluate`: how the student is scored."""

from thriftune.recipe.base import PositiveInt, Section


class Evaluate(Section):
    """How the student is scored on the test split.

    `limit` takes the first questions of a fixed shuffle. `constrained` keeps answers within the task's grammar, if it
    has one.
    """

    limit: PositiveInt | None = None
    base: bool = True
    batch: PositiveInt = 32
    max_new_tokens: PositiveInt = 224
    constrained: bool = True
    bootstrap: PositiveInt = 2000
    robust: bool = True
