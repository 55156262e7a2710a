"""What all sections of a recipe share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

PositiveInt = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """Base of all sections: unknown keys refused, values fixed, no NaN.

    The text below a key says what it does; docs/reference/recipe.md is made of it (`testing/reference.py`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
