"""The section `study`: what is searched, what is compared, and how often."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from thriftune.recipe.base import PositiveInt, Section

Modality = Literal["full", "lora", "qlora"]
Metric = Literal["execution_match", "robust_match", "canonical_match", "exact_match", "result_f1"]
Names = Annotated[tuple[Any, ...], Field(min_length=1)]


class Dimension(Section):
    """The values of one key: a list of `values`, or a range from `low` to `high` (TPE only).

    `when` is a condition on other keys: `{train.modality: [lora, qlora]}`. Else the key is left alone.
    """

    values: Names | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    whole: bool = False
    when: dict[str, Names] = {}

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
    """DSS against label-only with everything else equal: `compute` at equal steps, at equal processed tokens, or both.

    `settings` are overrides for one modality (its learning rate, say), the same for both objectives.
    """

    modalities: tuple[Modality, ...] = ("full", "lora", "qlora")
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1, 2, 3)
    compute: tuple[Literal["steps", "tokens"], ...] = ("steps", "tokens")
    settings: dict[Modality, dict[str, Any]] = {}


class Resources(Section):
    """What a trial asks a Ray cluster for. `gpus` may be a share; unless set it is one where the cluster has any."""

    cores: PositiveInt = 1
    gpus: Annotated[float, Field(ge=0)] | None = None
    memory_gb: Annotated[float, Field(gt=0)] | None = None


def _paper() -> dict[str, Dimension]:
    adapters = ("lora", "qlora")
    return {
        "train.modality": Dimension(values=("lora",)),
        "train.rank": Dimension(values=(8, 32, 128), when={"train.modality": adapters}),
        "train.alpha_ratio": Dimension(values=(1.0, 2.0, 4.0, 8.0), when={"train.modality": adapters}),
    }


class Study(Section):
    """A search, an ablation and baselines on one dataset. Seeds are repeats, never something to choose.

    The default `space` answers the paper's question: LoRA's ranks × alpha:rank ratios {1, 2, 4, 8}. `settings` are
    overrides of the whole sweep. `presets` are rows beside it: the paper's two sets of adapter settings, LoRA and
    QLoRA each. `best` configurations are repeated with `best_seeds`. `lessons` is the data-need curve: DSS with so many
    lessons, equal steps. `shots` are the baselines: the untouched student with so many examples in its prompt.
    `prune` stops a trial whose validation loss of labels is above the median of the others' at the same point.
    `attempts` is how often a trial is taken up whose process died. `records` is the file of trials (a path beside the
    recipe), where it is to be committed: `trials.jsonl` in the study's folder otherwise. `resources` are those of a
    trial of each modality on a Ray cluster.
    """

    sampler: Literal["grid", "tpe"] = "grid"
    trials: PositiveInt = 20
    space: dict[str, Dimension] = Field(default_factory=_paper)
    settings: dict[str, Any] = {}
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (1,)
    presets: tuple[Literal["paper-code", "paper-summary"], ...] = ()
    best: Annotated[int, Field(ge=0)] = 0
    best_seeds: tuple[int, ...] = (1, 2, 3)
    metric: Metric = "execution_match"
    objectives: tuple[Literal["quality", "peak_bytes", "seconds"], ...] = ("quality", "peak_bytes", "seconds")
    prune: bool = False
    ablation: Ablation = Ablation()
    lessons: tuple[PositiveInt, ...] = ()
    shots: tuple[Annotated[int, Field(ge=0)], ...] = (0, 3)
    attempts: PositiveInt = 2
    keep_models: bool = False
    records: str | None = None
    resources: dict[Modality, Resources] = {}

    @model_validator(mode="after")
    def _a_grid_is_finite(self) -> "Study":
        ranges = [key for key, dimension in self.space.items() if dimension.values is None]
        if self.sampler == "grid" and ranges:
            raise ValueError(f"a grid needs lists of values; {', '.join(ranges)} is a range. Set sampler: tpe")
        if "quality" not in self.objectives:
            raise ValueError("objectives must hold quality")
        return self
