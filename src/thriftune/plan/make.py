"""A recipe's plan: every modality in the memory there is, the one to take, and why."""

from dataclasses import dataclass
from typing import Any

from thriftune.plan.batches import Rows
from thriftune.plan.beside import SHARE
from thriftune.plan.devices import GB, Device
from thriftune.plan.options import MODALITIES, PLAIN, Asked, Option, Simulations, as_asked, turned
from thriftune.recipe import Recipe


@dataclass(frozen=True)
class Line:
    """One modality: as the recipe has it, turned until it fits (None where that is not needed or does not help)."""

    asked: Option
    turned: Option | None
    evaluation_bytes: int

    @property
    def best(self) -> Option | None:
        """The way to train that fits, if one does."""
        return self.asked if self.asked.fits else self.turned


@dataclass(frozen=True)
class Plan:
    """What `thriftune plan` shows."""

    student: str
    parameters: int
    device: Device
    said: str
    lines: list[Line]
    batch: int

    @property
    def choice(self) -> Line | None:
        """The first modality that fits, in the order of quality that the paper found: full, LoRA, QLoRA."""
        return next((line for line in self.lines if line.best and self.evaluates(line)), None)

    def evaluates(self, line: Line) -> bool:
        """Whether the evaluation fits too."""
        need = line.evaluation_bytes * (1 + SHARE) + self.device.fixed
        return need <= self.device.bytes


def make_plan(
    recipe: Recipe,
    config: Any,
    rows: Rows,
    device: Device,
    candidates: int | None,
    simulations: Simulations = PLAIN,
) -> Plan:
    """Simulate the three modalities.

    Raises:
        StudentError: the student cannot be trained by packs, or `train.targets` names no module of it.
    """
    asked = Asked(config, rows.rows, recipe.train, device, candidates, simulations)
    precision = device.precision(recipe.train.precision)
    evaluation = simulations.answering(config, recipe.evaluate, rows.rows, precision)
    lines = []
    for modality in MODALITIES:
        option = as_asked(asked, modality)
        found = None if option.fits or option.missing else turned(asked, option)
        lines.append(Line(option, found, evaluation.bytes(modality, device.kind)))
    whole = next(line.asked for line in lines if line.asked.modality == "full")
    parameters = whole.kinds["parameters"] // 4  # fp32
    return Plan(recipe.student.model, parameters, device, rows.said, lines, recipe.train.batch)


def rule_of_thumb(device: Device) -> str:
    """Return the modality that Marsh et al. 2026 would take by the memory alone."""
    if device.bytes <= 16 * GB:
        return "qlora"
    return "lora" if device.bytes <= 24 * GB else "full"
