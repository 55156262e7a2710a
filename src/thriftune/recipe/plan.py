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
    """What training may use, and what to plan with where the lessons are not there yet."""

    memory: Annotated[str, AfterValidator(_size)] | None = None
    """Such as 16GB or 12.5GiB. Unless set it is what the machine has free when the plan is made."""
    check: bool = True
    """Refuse a training that cannot fit. `false` trains without a plan."""
    hourly_usd: Annotated[float, Field(ge=0)] | None = None
    """The price of an hour of the machine, for the pilot's costs."""
    prefix_tokens: PositiveInt = 600
    """Length of instructions and mapping, for lessons that are not there yet or whose student's tokenizer is not. So
    are the next three."""
    question_tokens: PositiveInt = 40
    """Length of a question."""
    label_tokens: PositiveInt = 100
    """Length of a label."""
    rationale_tokens: PositiveInt = 150
    """Length of a rationale."""
