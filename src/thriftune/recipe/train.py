"""The section `train`: how the student learns."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from thriftune.recipe.base import PositiveInt, Section, Share


def _names(value: Any) -> Any:
    """Refuse what is neither: pydantic alone would report one fault per branch of the union."""
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and names and all(isinstance(name, str) and name for name in names):
        return value
    raise ValueError("must be all-linear or a list of module names")


Targets = Annotated[str | list[str], BeforeValidator(_names)]


class Train(Section):
    """How the student learns. Equal in all three modalities unless said otherwise.

    `label_weight` is w in `w·label loss + (1 − w)·rationale loss` (Hsieh et al. 2023, equation 3).
    `alpha` is `alpha_ratio × rank` unless set, and the ratio 4 (Marsh et al. 2026). `micro_tokens` bounds the tokens of
    one forward pass. `lessons` trains on the first so many lessons of a fixed shuffle, whole meanings at a time.
    `max_tokens` is a budget of compute: as many steps as come nearest to so many processed tokens (`train.compute`);
    `epochs` and `max_steps` then do not count.
    `max_minutes` is a budget: on a slow machine the schedule runs faster through its steps and ends with it.
    `checkpointing` keeps only the layers' inputs and computes each layer again in the backward: less memory, more time.
    `optimizer: adamw_8bit` keeps AdamW's moments in 8 bits (bitsandbytes); `paged_…` also moves them to the host.
    `parallel` is what several processes do (`torchrun`): copies of the student (ddp), or shares of it (fsdp).
    `seq2seq_task` is where a seq2seq student is told its task: `encoder` as in the papers, or `decoder`, where the
    question is read once for both tasks and without knowing them (docs/scale.md).
    `vocabulary: domain` restricts training's softmax to tokens the task can produce (causal students; see
    `train.vocabulary`).
    """

    objective: Literal["dss", "label_only"] = "dss"
    modality: Literal["full", "lora", "qlora"] = "full"
    label_weight: Share = 0.5
    rank: PositiveInt = 16
    alpha: Annotated[float, Field(gt=0)] | None = None
    alpha_ratio: Annotated[float, Field(gt=0)] = 4.0
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
    max_tokens: PositiveInt | None = None
    lessons: PositiveInt | None = None
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    batch: PositiveInt = 8
    micro_tokens: PositiveInt = 4096
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    checkpointing: bool = False
    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = "adamw"
    parallel: Literal["ddp", "fsdp"] = "ddp"
    seq2seq_task: Literal["encoder", "decoder"] = "encoder"
    vocabulary: Literal["full", "domain"] = "full"
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0
    validations: Annotated[int, Field(ge=0)] = 4
    seed: int = 42

    @property
    def lora_alpha(self) -> float:
        """LoRA's alpha: as set, else so many times the rank."""
        return self.alpha if self.alpha is not None else self.alpha_ratio * self.rank

    @property
    def weight(self) -> float:
        """The weight of the label loss: 1 when only labels are learnt."""
        return 1.0 if self.objective == "label_only" else self.label_weight
