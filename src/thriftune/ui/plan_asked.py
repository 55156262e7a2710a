"""What the sliders say, as a recipe, and the plan of it: the same simulation as `thriftune plan` runs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from thriftune.recipe import Recipe

if TYPE_CHECKING:  # loads torch
    from thriftune.plan.make import Plan
    from thriftune.plan.options import Simulations


@dataclass(frozen=True)
class Planned:
    """What is asked for. Lengths are of the longest lesson, in tokens; `memory_gb` in 10⁹ bytes."""

    student: str
    prefix_tokens: int
    label_tokens: int
    rationale_tokens: int
    batch: int
    rank: int
    memory_gb: int
    checkpointing: bool

    @classmethod
    def of(cls, recipe: Recipe, memory_gb: int) -> "Planned":
        """Return what a recipe asks for."""
        plan, train = recipe.plan, recipe.train
        return cls(
            student=recipe.student.model,
            prefix_tokens=plan.prefix_tokens,
            label_tokens=plan.label_tokens,
            rationale_tokens=plan.rationale_tokens,
            batch=train.batch,
            rank=train.rank,
            memory_gb=memory_gb,
            checkpointing=train.checkpointing,
        )

    def recipe(self, base: Recipe) -> Recipe:
        """Return the base recipe with these values."""
        lengths = {name: getattr(self, name) for name in ("prefix_tokens", "label_tokens", "rationale_tokens")}
        train = {name: getattr(self, name) for name in ("batch", "rank", "checkpointing")}
        return base.model_copy(
            update={
                "student": base.student.model_copy(update={"model": self.student}),
                "plan": base.plan.model_copy(update={**lengths, "memory": f"{self.memory_gb}GB"}),
                "train": base.train.model_copy(update=train),
            }
        )

    def overrides(self) -> str:
        """Return the values as overrides of a recipe, for the command line."""
        lengths = [
            f"plan.{name}={getattr(self, name)}" for name in ("prefix_tokens", "label_tokens", "rationale_tokens")
        ]
        train = [f"train.{name}={str(getattr(self, name)).lower()}" for name in ("batch", "rank", "checkpointing")]
        return " ".join([f"student.model={self.student}", *lengths, *train, f"plan.memory={self.memory_gb}GB"])


def memory_here(recipe: Recipe) -> int:
    """Return the recipe's memory, or what this machine has free, in GB; 16 where neither is known."""
    from thriftune.errors import InputError
    from thriftune.plan.devices import GB
    from thriftune.plan.prepare import device_for

    try:
        return max(1, round(device_for(recipe).bytes / GB))
    except InputError:
        return 16


def make(recipe: Recipe, simulations: "Simulations") -> "Plan":
    """Simulate the recipe with lessons of the lengths in its section `plan`. Blocks for some seconds.

    Raises:
        StudentError: there is no config for the student, or it cannot be trained.
    """
    from thriftune.plan.batches import rows_of_lengths
    from thriftune.plan.configs import config_of
    from thriftune.plan.make import make_plan
    from thriftune.plan.prepare import candidates_for, device_for

    config = config_of(recipe.student.model)
    rows = rows_of_lengths(config, recipe.plan, recipe.train)
    return make_plan(recipe, config, rows, device_for(recipe), candidates_for(recipe, rows, _no_task), simulations)


def _no_task() -> NoReturn:
    raise AssertionError("rows made of lengths need no task")
