"""The section `plan`: what training may use, and what an hour of it costs."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from thriftune.recipe.base import PositiveInt, Section

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(GB|GiB|MB|MiB)\s*$")
_UNIT = {"GB": 10**9, "MB": 10**6, "GiB": 2**30, "MiB": 2**20}


def parse_size(text: str) -> int:
    """Return the bytes of a size such as `16GB` (10⁹ bytes each) or `16GiB` (2³⁰).

    Raises:
        ValueError: it is no size.
    """
    found = _SIZE.match(text)
    if not found:
        raise ValueError(f"{text!r} is no size; write it like 16GB or 12.5GiB")
    return round(float(found[1]) * _UNIT[found[2]])


def _size(text: str) -> str:
    parse_size(text)
    return text


class Plan(Section):
    """What training may use. Without `memory` it is what the machine has free when the plan is made.

    `check: false` lets `run` train without a plan. `hourly_usd` is the price of an hour of the machine. The token
    counts stand for lessons that are not there yet, or whose student's tokenizer is not.
    """

    memory: Annotated[str, AfterValidator(_size)] | None = None
    check: bool = True
    hourly_usd: Annotated[float, Field(ge=0)] | None = None
    prefix_tokens: PositiveInt = 600
    question_tokens: PositiveInt = 40
    label_tokens: PositiveInt = 100
    rationale_tokens: PositiveInt = 150
