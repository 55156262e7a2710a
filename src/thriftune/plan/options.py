"""What could be trained in the memory there is: each modality, and what could be turned where it does not fit."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from thriftune.errors import MissingPackage
from thriftune.plan.batches import heaviest, smaller
from thriftune.plan.beside import beside
from thriftune.plan.devices import Device
from thriftune.plan.evaluation import Evaluation, evaluated
from thriftune.plan.meter import Segment
from thriftune.plan.simulate import Case, peak_of
from thriftune.recipe import Evaluate, Train
from thriftune.train.batches import Row

_KEPT = ("parameters", "gradients", "optimizer")
MODALITIES: tuple[Literal["full", "lora", "qlora"], ...] = ("full", "lora", "qlora")


@dataclass(frozen=True)
class Option:
    """One way to train. `kinds` has the bytes of each kind at the peak; `missing` says why it cannot be planned.

    `beside` is what the process holds beside tensors; of it `beside_least` is there whatever the micro-batch.
    """

    modality: Literal["full", "lora", "qlora"]
    micro_tokens: int
    checkpointing: bool
    precision: Literal["fp32", "bf16"]
    kinds: dict[str, int] = field(default_factory=dict)
    moment: str = ""
    device: Device | None = None
    missing: str = ""
    beside: int = 0
    beside_least: int = 0

    @property
    def tensor_bytes(self) -> int:
        """Bytes of tensors at the peak."""
        return sum(self.kinds.values())

    @property
    def bytes(self) -> int:
        """Bytes that the device needs: tensors, what is lost beside them, and its own fixed cost."""
        assert self.device is not None
        return self.tensor_bytes + self.beside + self.device.fixed

    @property
    def hopeless(self) -> bool:
        """Whether weights, gradients and moments alone, which no micro-batch changes, are too much."""
        assert self.device is not None
        kept = sum(self.kinds.get(kind, 0) for kind in _KEPT)
        return kept + self.beside_least + self.device.fixed > self.device.bytes

    @property
    def fits(self) -> bool:
        """Whether it can be trained on the device."""
        return not self.missing and self.device is not None and self.bytes <= self.device.bytes


@dataclass(frozen=True)
class Simulations:
    """What simulates the `peak` of a training step, and `answering`. See `remembered` for what does nothing twice."""

    peak: Callable[[Any, Case], Segment] = peak_of
    answering: Callable[[Any, Evaluate, Sequence[Row], str], Evaluation] = evaluated


PLAIN = Simulations()


@dataclass(frozen=True)
class Asked:
    """What all options of a plan share: the student's config, its rows, the recipe's training and the device."""

    config: Any
    rows: Sequence[Row]
    train: Train
    device: Device
    candidates: int | None = None
    simulations: Simulations = PLAIN

    def option(self, modality: Literal["full", "lora", "qlora"], micro_tokens: int, checkpointing: bool) -> Option:
        """Simulate one way to train."""
        changes = {"modality": modality, "micro_tokens": micro_tokens, "checkpointing": checkpointing}
        train = self.train.model_copy(update=changes)
        precision = self.device.precision(train.precision)
        micros = heaviest(self.config, self.rows, train, micro_tokens)
        case = Case(train, micros, precision, self.candidates, self.device.kind)
        try:
            peak = self.simulations.peak(self.config, case)
        except MissingPackage as error:
            return Option(modality, micro_tokens, checkpointing, precision, missing=str(error))
        kinds = {kind: size for kind, size in peak.bytes.items() if size}
        kept = {kind: size for kind, size in kinds.items() if kind in _KEPT}
        return Option(
            modality,
            micro_tokens,
            checkpointing,
            precision,
            kinds,
            peak.name,
            self.device,
            beside=beside(self.config, micros[-1], self.candidates, kinds, self.device.kind),
            beside_least=beside(self.config, (), self.candidates, kept, self.device.kind),
        )


def as_asked(asked: Asked, modality: Literal["full", "lora", "qlora"]) -> Option:
    """Return the modality with the recipe's own values."""
    return asked.option(modality, asked.train.micro_tokens, asked.train.checkpointing)


def turned(asked: Asked, option: Option) -> Option | None:
    """Return the modality turned until it fits, by what changes no gradient; None where nothing of that helps.

    Smaller micro-batches first (they cost little), then activation checkpointing (a third more time) with the largest
    micro-batches that fit.
    """
    if option.missing or option.hopeless:
        return None
    return next((found for found in _ways(asked, option) if found.fits), None)


def _ways(asked: Asked, option: Option) -> Iterator[Option]:
    bounds = smaller(asked.rows, option.micro_tokens)
    for checkpointing in (option.checkpointing, True):
        if bounds or checkpointing != option.checkpointing:
            yield from _largest(
                lambda tokens, on=checkpointing: asked.option(option.modality, tokens, on), bounds, option
            )


def _largest(make: Callable[..., Option], bounds: list[int], option: Option) -> Iterator[Option]:
    """Yield the option with the largest bound that fits, if the smallest does."""
    tried = bounds if bounds else [option.micro_tokens]
    least = make(tried[-1])
    if not least.fits:
        return
    for bound in tried[:-1]:
        found = make(bound)
        if found.fits:
            yield found
            return
    yield least
