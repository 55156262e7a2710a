"""The section `dataset`: how lessons are split."""

from typing import Annotated

from pydantic import Field, model_validator

from thriftune.recipe.base import Section, Share


class Dataset(Section):
    """How lessons are split. Shares are of *meanings*, so paraphrases never straddle."""

    test: Annotated[float, Field(gt=0, lt=1)] = 0.12
    """The share that students are scored on. One wording of each meaning is taken."""
    valid: Annotated[float, Field(ge=0, lt=1)] = 0.04
    """The share whose loss is watched while training. One wording of each meaning is taken."""
    near_duplicate: Share = 0.8
    """Questions that share so much of their word pairs stand in the same part."""
    variants: Annotated[int, Field(ge=0)] = 0
    """How many variants of each training lesson are added: other values in question and label alike, checked by running
    them, without a rationale."""
    seed: int = 42
    """Of the shuffle before the split."""

    @model_validator(mode="after")
    def _some_to_train_on(self) -> "Dataset":
        if self.test + self.valid >= 1:
            raise ValueError("test and valid must leave something to train on: their sum must be below 1")
        return self
