"""The section `teacher`: who writes the lessons, and what that may cost."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thriftune.recipe.base import PositiveInt, Section


class Price(Section):
    """US dollars for a million tokens."""

    input_per_million: Annotated[float, Field(ge=0)] = 0.0
    """Of what the teacher reads."""
    output_per_million: Annotated[float, Field(ge=0)] = 0.0
    """Of what it writes."""


class Expand(Section):
    """Questions that a live teacher thinks up from the mapping and sampled documents, after the user's own.

    The plan follows from `seed` and what was accepted before.
    """

    count: Annotated[int, Field(ge=0)] = 0
    """How many are wanted."""
    each: PositiveInt = 8
    """How many are asked for at once, of one clause family and difficulty and by one persona."""
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.7
    """A question is dropped if it shares so much of its word pairs with another."""
    temperature: Annotated[float, Field(ge=0)] = 0.8
    """Of these requests alone."""
    personas: Annotated[list[str], Field(min_length=1)] = [
        "somebody in a hurry who types keywords",
        "a careful analyst who writes whole sentences",
        "a newcomer who does not know the names of the fields",
        "an expert of the subject",
        "a manager who wants figures",
    ]
    """Who might be asking."""
    seed: int = 42
    """Of what is asked for in which order, and of the documents that are shown."""


class Teacher(Section):
    """Who writes the lessons. Budgets are hard and count what is in flight."""

    kind: Literal["recorded", "openai"] = "recorded"
    """`recorded` reads answers from `lessons`. `openai` asks `model` at `base_url`, any server that speaks OpenAI's
    chat completions."""
    lessons: list[str] = []
    """Files of answers: `demo:NAME`, or paths of JSONL, CSV, Parquet or dataset folders. Of a live teacher: examples to
    show it."""
    limit: PositiveInt | None = None
    """Take the first so many questions: of each file (recorded), or of all (openai)."""
    model: str | None = None
    """Its name on the server."""
    base_url: str | None = None
    """OpenAI's own unless set."""
    key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key."""
    questions: list[str] = []
    """Files of questions for a live teacher, JSONL with `id`, `collection`, `questions`."""
    examples: Annotated[int, Field(ge=0)] = 4
    """Of each collection the first so many of `lessons` are shown to a live teacher."""
    output: Literal["tags", "json_object", "json_schema"] = "tags"
    """`tags` asks in words for both parts. `json_object` and `json_schema` have the server hold the model to a JSON
    object of both, where it can."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """Of the answers."""
    max_tokens: PositiveInt = 1000
    """Of an answer."""
    concurrency: PositiveInt = 8
    """Requests in flight at once."""
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    """Of a request."""
    retries: Annotated[int, Field(ge=0)] = 4
    """How often a request is sent again that the server could not take."""
    asks_again: bool = True
    """Show a live teacher once what is wrong with its answer, and ask again."""
    samples: PositiveInt = 1
    """Above 1 each question is answered so often, and kept only if most answers have the same result."""
    expand: Expand = Expand()
    price: Price = Price()
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    """Stop before more is spent. Needs `price`."""
    budget_tokens: PositiveInt | None = None
    """Stop before more tokens are read and written."""

    @model_validator(mode="after")
    def _complete(self) -> "Teacher":
        if self.kind == "recorded" and not self.lessons:
            raise ValueError("a recorded teacher needs lessons")
        if self.kind == "openai" and not (self.model and (self.questions or self.expand.count)):
            raise ValueError("an openai teacher needs model, and questions or expand.count")
        if self.kind == "recorded" and (self.samples > 1 or self.expand.count):
            raise ValueError("samples and expand need a live teacher: kind openai")
        if self.samples > 1 and not self.temperature:
            raise ValueError("samples above 1 need a temperature above 0, else all answers are the same")
        if self.budget_usd and not (self.price.input_per_million or self.price.output_per_million):
            raise ValueError("budget_usd needs price.input_per_million and price.output_per_million")
        return self
