"""The section `evaluate`: how the student is scored."""

from thriftune.recipe.base import PositiveInt, Section


class Evaluate(Section):
    """How the student is scored on the test split."""

    limit: PositiveInt | None = None
    """Score on the first so many questions of a fixed shuffle; all unless set."""
    base: bool = True
    """Score the untouched student too."""
    batch: PositiveInt = 32
    """Questions answered at once, in the evaluation, by `predict` and by `serve`."""
    max_new_tokens: PositiveInt = 224
    """An answer is cut off here."""
    constrained: bool = True
    """Keep answers within the task's grammar, if it has one."""
    bootstrap: PositiveInt = 2000
    """Resamples for the intervals."""
    robust: bool = True
    """Also judge on data made from the gold answer's own literals; how is the task's affair."""
