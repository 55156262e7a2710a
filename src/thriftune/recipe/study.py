"""The section `study`: what is searched, what is compared, and how often."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from thriftune.recipe.base import PositiveInt, Section

Modality = Literal["full", "lora", "qlora"]
Metric = Literal["execution_match", "robust_match", "canonical_match", "exact_match", "result_f1"]
Names = Annotated[tuple[Any, ...], Field(min_length=1)]


class Dimension(Section):
    """The values of one key: a list, or a range (TPE only)."""

    values: Names | None = None
    """The list; a bare list in place of the section is the same."""
    low: float | None = None
    """Where a range begins."""
    high: float | None = None
    """Where it ends."""
    log: bool = False
    """Search the range by orders of magnitude."""
    whole: bool = False
    """Whole numbers only."""
    when: dict[str, Names] = {}
    """A condition on other keys: `{train.modality: [lora, qlora]}`. Else the key is left alone."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:
        return {"values": given} if isinstance(given, list) else given

    @model_validator(mode="after")
    def _one_of_both(self) -> "Dimension":
        ends = (self.low, self.high)
        if self.values is not None and ends == (None, None):
            return self
        if self.values is None and self.low is not None and self.high is not None and self.low < self.high:
            if self.log and self.low <= 0:
                raise ValueError("low must be above 0 where log is true")
            return self
        raise ValueError("must be a list of values, or a range with low below high")


class Ablation(Section):
    """DSS against label-only with everything else equal."""

    modalities: tuple[Modality, ...] = ("full", "lora", "qlora")
    """Those compared."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    """Repeats."""
    compute: tuple[Literal["steps", "tokens"], ...] = ("steps", "tokens")
    """At equal steps, at equal processed tokens, or both."""
    settings: dict[Modality, dict[str, Any]] = {}
    """Overrides for one modality (its learning rate, say), the same for both objectives."""


class Resources(Section):
    """What a trial asks a Ray cluster for."""

    cores: PositiveInt = 1
    """CPU cores."""
    gpus: Annotated[float, Field(ge=0)] | None = None
    """May be a share; unless set it is one where the cluster has any."""
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    """Memory, in GB."""


def _paper() -> dict[str, Dimension]:
    adapters = ("lora", "qlora")
    return {
        "train.modality": Dimension(values=("lora",)),
        "train.rank": Dimension(values=(8, 32, 128), when={"train.modality": adapters}),
        "train.alpha_ratio": Dimension(values=(1.0, 2.0, 4.0, 8.0), when={"train.modality": adapters}),
    }


class Study(Section):
    """A search, an ablation and baselines on one dataset. Seeds are repeats, never something to choose."""

    sampler: Literal["grid", "tpe"] = "grid"
    """Every combination of the space, or Optuna's TPE."""
    trials: PositiveInt = 20
    """How many points TPE tries."""
    space: dict[str, Dimension] = Field(default_factory=_paper)
    """Dotted keys and their values. The default answers the paper's question: LoRA's ranks × alpha:rank ratios {1, 2,
    4, 8}."""
    settings: dict[str, Any] = {}
    """Overrides of the whole sweep."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)
    """Repeats of every point."""
    presets: tuple[Literal["paper-code", "paper-summary"], ...] = ()
    """Rows beside the space: the paper's two sets of adapter settings, LoRA and QLoRA each."""
    best: Annotated[int, Field(ge=0)] = 0
    """So many of the best points are repeated with `best_seeds`."""
    best_seeds: tuple[int, ...] = (1, 2, 3)
    """Seeds of these repeats."""
    metric: Metric = "execution_match"
    """What trials are ranked by."""
    objectives: tuple[Literal["quality", "peak_bytes", "seconds"], ...] = ("quality", "peak_bytes", "seconds")
    """What TPE seeks, all at once."""
    prune: bool = False
    """Stop a trial whose validation loss of labels is above the median of the others' at the same point."""
    ablation: Ablation = Ablation()
    lessons: tuple[PositiveInt, ...] = ()
    """The data-need curve: DSS with so many lessons, equal steps."""
    shots: tuple[Annotated[int, Field(ge=0)], ...] = (0, 3)
    """The baselines: the untouched student with so many examples in its prompt."""
    attempts: PositiveInt = 2
    """How often a trial is taken up whose process died."""
    keep_models: bool = False
    """Keep the weights of every trial."""
    records: str | None = None
    """The file of trials (a path beside the recipe), where it is to be committed; `trials.jsonl` in the study's folder
    unless set."""
    resources: dict[Modality, Resources] = {}
    """Of a trial of each modality on a Ray cluster."""

    @model_validator(mode="after")
    def _a_grid_is_finite(self) -> "Study":
        ranges = [key for key, dimension in self.space.items() if dimension.values is None]
        if self.sampler == "grid" and ranges:
            raise ValueError(f"a grid needs lists of values; {', '.join(ranges)} is a range. Set sampler: tpe")
        if "quality" not in self.objectives:
            raise ValueError("objectives must hold quality")
        return self
