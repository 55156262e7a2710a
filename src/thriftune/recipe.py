"""The recipe: one YAML file, every key declared and typed, all faults told at once in the user's spelling."""

import difflib
import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from thriftune.errors import RecipeError

PositiveInt = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


def _names(value: Any) -> Any:
    """Refuse what is neither: pydantic alone would report one fault per branch of the union."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and names and all(isinstance(name, str) and name for name in names):
        return value
    raise ValueError("must be all-linear or a list of module names")


Targets = Annotated[str | list[str], BeforeValidator(_names)]


class Section(BaseModel):
    """Base of all sections: unknown keys refused, values fixed, no NaN."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Engine(Section):
    """The search engine. Without `url` the embedded one is started; credentials are read from the environment.

    `kind` says which dialect the queries are written in; by default that of the engine, which the server at `url` tells
    itself. `elasticsearch` without `url` judges on the embedded engine and refuses what Elasticsearch does not have.
    """

    url: str | None = None
    kind: Literal["auto", "opensearch", "elasticsearch"] = "auto"
    username_env: str = "THRIFTUNE_ENGINE_USER"
    password_env: str = "THRIFTUNE_ENGINE_PASSWORD"
    timeout_seconds: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="after")
    def _no_credentials(self) -> "Engine":
        if self.url and "@" in urlsplit(self.url).netloc:  # they would stand in manifests, logs and errors
            raise ValueError(f"url must not hold a user; set {self.username_env} and {self.password_env} instead")
        return self


class Collection(Section):
    """One index. `demo` takes an embedded one; else `mapping` (JSON) and `documents` (JSONL) are files.

    They are loaded into the embedded engine. With `engine.url` the index is on the server already, and the documents
    are a sample of it, from which document sets for robust execution match are made.
    `spoken` says what people call a field's values (`{dest.code: {BUF: [Buffalo]}}`): questions that use these names
    are shown the values (`task.link_values`), and variants of lessons vary them.
    """

    demo: Literal["films", "flights"] | None = None
    mapping: Path | None = None
    documents: Path | None = None
    notes: dict[str, str] = {}
    spoken: dict[str, dict[str, list[str]]] = {}
    now: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "Collection":
        if self.demo and (self.mapping or self.documents):
            raise ValueError("give either demo, or mapping and documents")
        if self.documents and not self.mapping:
            raise ValueError("documents need a mapping")
        return self


class Database(Section):
    """One SQL database. `demo` takes the embedded one; else `file` is an SQLite file, which is only read.

    `notes` says what a schema cannot: `{orders.state: "open, paid or void"}`.
    """

    demo: Literal["nycflights"] | None = None
    file: Path | None = None
    notes: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> "Database":
        if bool(self.demo) == bool(self.file):
            raise ValueError("give either demo or file")
        return self


class Schema(Section):
    """One JSON Schema. `demo` takes the embedded one; else `file` holds the schema.

    `notes` says what a schema cannot, by the path of a field: `{"passengers[].age": years}`.
    """

    demo: Literal["support"] | None = None
    file: Path | None = None
    notes: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> "Schema":
        if bool(self.demo) == bool(self.file):
            raise ValueError("give either demo or file")
        return self


class Task(Section):
    """What is asked, and on what the answers are run.

    `query_dsl` runs on `collections`, `sql` on `databases`, `json_schema` by `schemas`. `python` is a task of the
    user's own: `factory` (`FILE.py:FUNCTION`) is called with `options` as keyword arguments and returns it. The file
    is run as code because the recipe names it: run recipes only of people whose code you would run.
    `prompt_tokens` bounds the part before the question. `link_values` shows behind a question the index's own values
    that it names (`query_dsl`). Of `engine` the tasks `sql` and `json_schema` use `timeout_seconds` alone.
    """

    kind: Literal["query_dsl", "sql", "json_schema", "python"] = "query_dsl"
    engine: Engine = Engine()
    prompt_tokens: PositiveInt = 1500
    link_values: bool = True
    collections: dict[str, Collection] = {}
    databases: dict[str, Database] = {}
    schemas: dict[str, Schema] = {}
    factory: Annotated[str, Field(pattern=r"^.+\.py:[A-Za-z_]\w*$")] | None = None
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _what_the_kind_asks(self) -> "Task":
        needed = {"query_dsl": "collections", "sql": "databases", "json_schema": "schemas", "python": "factory"}
        if not getattr(self, needed[self.kind]):
            what = "FILE.py:FUNCTION" if self.kind == "python" else "at least one name"
            raise ValueError(f"kind {self.kind} needs {needed[self.kind]} with {what}")
        for kind, key in [*needed.items(), ("python", "options")]:
            if kind != self.kind and getattr(self, key):
                raise ValueError(f"kind {self.kind} has no {key}; give {needed[self.kind]} alone, or change task.kind")
        return self


_NAMED: dict[str, type[Section]] = {"collections": Collection, "databases": Database, "schemas": Schema}
# the keys of named sections that hold paths
FILES = {"collections": ("mapping", "documents"), "databases": ("file",), "schemas": ("file",)}


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


class Dataset(Section):
    """How lessons are split. Shares are of *meanings*, so paraphrases never straddle.

    `variants` is how many variants of each training lesson are added: other values in question and label alike,
    checked by running them, without a rationale.
    """

    test: Annotated[float, Field(gt=0, lt=1)] = 0.12
    valid: Annotated[float, Field(ge=0, lt=1)] = 0.04
    near_duplicate: Share = 0.8
    variants: Annotated[int, Field(ge=0)] = 0
    seed: int = 42

    @model_validator(mode="after")
    def _some_to_train_on(self) -> "Dataset":
        if self.test + self.valid >= 1:
            raise ValueError("test and valid must leave something to train on: their sum must be below 1")
        return self


class Student(Section):
    """The model to fine-tune: the embedded `smollm2-135m-instruct`, a Hugging Face id, or a local folder."""

    model: str = "smollm2-135m-instruct"
    kind: Literal["auto", "causal", "seq2seq"] = "auto"


class Train(Section):
    """How the student learns. Equal in all three modalities unless said otherwise.

    `label_weight` is w in `w·label loss + (1 − w)·rationale loss` (Hsieh et al. 2023, equation 3).
    `alpha` is `4 × rank` unless set (Marsh et al. 2026). `micro_tokens` bounds the tokens of one forward pass.
    `max_minutes` is a budget: on a slow machine the schedule runs faster through its steps and ends with it.
    `vocabulary: domain` restricts training's softmax to tokens the task can produce (causal students; see
    `train.vocabulary`).
    """

    objective: Literal["dss", "label_only"] = "dss"
    modality: Literal["full", "lora", "qlora"] = "full"
    label_weight: Share = 0.5
    rank: PositiveInt = 16
    alpha: Annotated[float, Field(gt=0)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    targets: Targets = "all-linear"
    double_quantization: bool = False
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    warmup: Share = 0.05
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    epochs: PositiveInt = 3
    max_steps: PositiveInt | None = None
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    batch: PositiveInt = 8
    micro_tokens: PositiveInt = 4096
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    vocabulary: Literal["full", "domain"] = "full"
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0
    validations: Annotated[int, Field(ge=0)] = 4
    seed: int = 42

    @property
    def lora_alpha(self) -> float:
        """LoRA's alpha: as set, else four times the rank."""
        return self.alpha if self.alpha is not None else 4.0 * self.rank

    @property
    def weight(self) -> float:
        """The weight of the label loss: 1 when only labels are learnt."""
        return 1.0 if self.objective == "label_only" else self.label_weight


class Evaluate(Section):
    """How the student is scored on the test split. `limit` takes the first questions of a fixed shuffle."""

    limit: PositiveInt | None = None
    base: bool = True
    batch: PositiveInt = 32
    max_new_tokens: PositiveInt = 224
    bootstrap: PositiveInt = 2000
    robust: bool = True


class Recipe(Section):
    """A whole recipe."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    task: Task
    teacher: Teacher
    dataset: Dataset = Dataset()
    student: Student = Student()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()


def load(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe, apply dotted overrides such as `train.rank=32`, and resolve paths beside the recipe.

    Raises:
        RecipeError: the file is missing or wrong; the text lists all problems at once.
    """
    try:
        with path.open(encoding="utf-8") as file:
            data = yaml.safe_load(file)
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {os.strerror(error.errno or 0)}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise RecipeError(f"{path} is empty or not a mapping of keys; start from recipes/films-demo.yaml")
    for override in overrides or []:
        _override(data, override)
    _resolve_paths(data, path.resolve().parent)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(_problems(path.name, error)) from error


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise RecipeError(f"override {override!r} is not of the form section.key=value")
    *parents, leaf = key.split(".")
    for parent in parents:
        if data.get(parent) is None:  # an absent section, or one whose keys are all commented out
            data[parent] = {}
        data = data[parent]
        if not isinstance(data, dict):
            raise RecipeError(f"override {override!r}: {parent} is not a section")
    try:
        data[leaf] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"override {override!r}: the value is not YAML; put it in quotes") from error


def _resolve_paths(data: dict[str, Any], base: Path) -> None:
    task = data.get("task")
    if isinstance(task, dict) and isinstance(task.get("factory"), str):
        task["factory"] = str(base / task["factory"])
    for section, keys in FILES.items():
        sources = task.get(section) if isinstance(task, dict) else None
        for source in (sources if isinstance(sources, dict) else {}).values():
            for key in keys:
                if isinstance(source, dict) and isinstance(source.get(key), str):
                    source[key] = str(base / source[key])
    teacher = data.get("teacher")
    for key in ("lessons", "questions"):
        if isinstance(teacher, dict) and isinstance(teacher.get(key), list):
            teacher[key] = [
                item if not isinstance(item, str) or item.startswith("demo:") else str(base / item)
                for item in teacher[key]
            ]


def _problems(name: str, error: ValidationError) -> str:
    rows = [(_dotted(fault["loc"]), _sentence(fault)) for fault in error.errors()]
    width = max(len(key) for key, _ in rows)
    head = f"{name} has {len(rows)} problem{'s' if len(rows) > 1 else ''}:"
    return "\n".join([head, *(f"  {key:<{width}}  {text}" for key, text in rows)])


def _dotted(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location)


def _sentence(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(fault["loc"][-1]), _keys_beside(fault["loc"]), n=1)
        parents = fault["loc"][:-1]
        return "is not a key" + (f"; did you mean {_dotted((*parents, near[0]))}?" if near else "")
    if fault["type"] == "missing":
        return "is missing"
    if fault["type"] == "model_type":
        given = fault["input"]
        return "is empty; give it keys or leave it out" if given is None else f"must hold keys, got {given!r}"
    message = fault["msg"].removeprefix("Value error, ")
    message = message.replace("Input should be", "must be")
    given = fault["input"]
    return message if isinstance(given, dict | list) else f"{message}, got {given!r}"


def _keys_beside(location: tuple[Any, ...]) -> list[str]:
    model: Any = Recipe
    for part in location[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        if field is None:  # a name of the user's own: task.collections.NAME
            model = _NAMED.get(str(location[1]), Collection)
        else:
            model = field.annotation
    return list(getattr(model, "model_fields", {}))
