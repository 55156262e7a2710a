"""The section `teacher`: who writes the lessons, and what that may cost."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from thriftune.recipe.base import PositiveInt, Section


class Price(Section):
    """US dollars for a million tokens."""

    input_per_million: Annotated[float, Field(ge=0)] = 0.0
    output_per_million: Annotated[float, Field(ge=0)] = 0.0


class Expand(Section):
    """Questions that a live teacher thinks up from the mapping and sampled documents, after the user's own.

    `count` are wanted, `each` are asked for at once, by family, difficulty and persona. `near_duplicate` is the share
    of word pairs from which a question is too like another. The plan follows from `seed` and what was accepted before.
    """

    count: Annotated[int, Field(ge=0)] = 0
    each: PositiveInt = 8
    near_duplicate: Annotated[float, Field(gt=0, le=1)] = 0.7
    temperature: Annotated[float, Field(ge=0)] = 0.8
    personas: Annotated[list[str], Field(min_length=1)] = [
        "somebody in a hurry who types keywords",
        "a careful analyst who writes whole sentences",
        "a newcomer who does not know the names of the fields",
        "an expert of the subject",
        "a manager who wants figures",
    ]
    seed: int = 42


class Teacher(Section):
    """Who writes the lessons.

    `recorded` reads answers from `lessons`: `demo:NAME` or paths of JSONL. `openai` asks `model` at `base_url` (any
    server that speaks OpenAI's chat completions; OpenAI's own if not set) the `questions` of JSONL files (`id`,
    `collection`, `questions`), with the first `examples` of `lessons` shown; the key is read from the environment
    variable `key_env`. Budgets are hard and count what is in flight. `output: json_object` or `json_schema` has the
    server hold the model to a JSON object of both parts, where it can; `tags` asks for it in words. With `samples`
    above 1 each question is answered so often, and kept only if most answers have the same result.
    """

    kind: Literal["recorded", "openai"] = "recorded"
    lessons: list[str] = []
    limit: PositiveInt | None = None
    model: str | None = None
    base_url: str | None = None
    key_env: str = "OPENAI_API_KEY"
    questions: list[str] = []
    examples: Annotated[int, Field(ge=0)] = 4
    output: Literal["tags", "json_object", "json_schema"] = "tags"
    temperature: Annotated[float, Field(ge=0)] = 0.0
    max_tokens: PositiveInt = 1000
    concurrency: PositiveInt = 8
    timeout_seconds: Annotated[float, Field(gt=0)] = 60.0
    retries: Annotated[int, Field(ge=0)] = 4
    asks_again: bool = True
    samples: PositiveInt = 1
    expand: Expand = Expand()
    price: Price = Price()
    budget_usd: Annotated[float, Field(gt=0)] | None = None
    budget_tokens: PositiveInt | None = None

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
