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
    """How the student learns. Equal in all three modalities unless said otherwise."""

    objective: Literal["dss", "label_only"] = "dss"
    """Label and rationale (Distilling Step-by-Step), or the label alone."""
    modality: Literal["full", "lora", "qlora"] = "full"
    """All weights, LoRA's adapters, or LoRA's adapters on 4-bit weights (bitsandbytes)."""
    label_weight: Share = 0.5
    """w in `w·label loss + (1 − w)·rationale loss` (Hsieh et al. 2023, equation 3)."""
    rank: PositiveInt = 16
    """Of the adapters (LoRA, QLoRA)."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """Of the adapters: `alpha_ratio × rank` unless set."""
    alpha_ratio: Annotated[float, Field(gt=0)] = 4.0
    """alpha : rank where `alpha` is not set; 4 is the ratio of Marsh et al. 2026."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Of the adapters."""
    targets: Targets = "all-linear"
    """The linear layers that get adapters: `all-linear`, or names of modules."""
    double_quantization: bool = False
    """Quantise the scales of 4-bit weights too (QLoRA)."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """At its highest. The recipes of this repository have 5e-4 with full and 2e-3 with LoRA and QLoRA."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Of AdamW."""
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    """A longer gradient is shortened to this norm."""
    warmup: Share = 0.05
    """The share of the steps in which the learning rate rises."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How it falls afterwards."""
    epochs: PositiveInt = 3
    """How often every lesson is seen; training ends here or after `max_steps`, whichever is sooner."""
    max_steps: PositiveInt | None = None
    """Stop after so many optimizer steps."""
    max_tokens: PositiveInt | None = None
    """A budget of compute: as many steps as come nearest to so many processed tokens (`train/compute.py`); `epochs` and
    `max_steps` then do not count."""
    lessons: PositiveInt | None = None
    """Train on the first so many lessons of a fixed shuffle, whole meanings at a time."""
    max_minutes: Annotated[float, Field(gt=0)] | None = None
    """A budget: on a slow machine the schedule runs faster through its steps and ends with it."""
    batch: PositiveInt = 8
    """Lessons an optimizer step, over all processes."""
    micro_tokens: PositiveInt = 4096
    """Bounds the tokens of one forward pass: less memory, the same gradient."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Of computation; `auto` takes bf16 where the machine has instructions for it."""
    checkpointing: bool = False
    """Keep only the layers' inputs and compute each layer again in the backward: less memory, more time."""
    optimizer: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = "adamw"
    """`adamw_8bit` keeps AdamW's moments in 8 bits (bitsandbytes); `paged_…` also moves them to the host."""
    parallel: Literal["ddp", "fsdp"] = "ddp"
    """What several processes (`torchrun`) hold: copies of the student (ddp), or shares of it (fsdp)."""
    seq2seq_task: Literal["encoder", "decoder"] = "encoder"
    """Where a seq2seq student is told its task: `encoder` as in the papers, or `decoder`, where the question is read
    once for both tasks and without knowing them (docs/scale.md)."""
    vocabulary: Literal["full", "domain"] = "full"
    """`domain` restricts training's softmax to tokens the task can produce (causal students; `train/vocabulary.py`)."""
    checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0
    """Between two checkpoints; a kill costs no more."""
    validations: Annotated[int, Field(ge=0)] = 4
    """How often the loss on the validation split is measured."""
    seed: int = 42
    """Of the order of lessons, dropout and new weights."""

    @property
    def lora_alpha(self) -> float:
        """LoRA's alpha: as set, else so many times the rank."""
        return self.alpha if self.alpha is not None else self.alpha_ratio * self.rank

    @property
    def weight(self) -> float:
        """The weight of the label loss: 1 when only labels are learnt."""
        return 1.0 if self.objective == "label_only" else self.label_weight
