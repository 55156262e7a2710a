"""The plan that `run` makes before it trains: what cannot fit is refused, with changes that would fit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from thriftune.errors import DoesNotFit, UserError
from thriftune.plan.batches import smaller
from thriftune.plan.configs import config_of
from thriftune.plan.make import Plan, make_plan
from thriftune.plan.options import Asked, Option, as_asked
from thriftune.plan.prepare import candidates_for, device_for, rows_for
from thriftune.plan.remembered import Remembered
from thriftune.plan.text import size, table
from thriftune.recipe import Recipe
from thriftune.runs import Run
from thriftune.students import embedded
from thriftune.tasks.base import Task

_CHANGES: tuple[dict[str, Any], ...] = (
    {"train.checkpointing": True},
    {"train.modality": "lora"},
    {"train.modality": "qlora"},
    {"train.modality": "lora", "train.checkpointing": True},
    {"train.modality": "qlora", "train.checkpointing": True},
    {"student.model": embedded.NAME},
    {"student.model": embedded.NAME, "train.modality": "lora", "train.checkpointing": True},
)


def planned(run: Run, recipe: Recipe, task: Callable[[], Task]) -> tuple[Recipe, dict[str, Any]]:
    """Return the recipe with micro-batches that fit, and the plan's figures for the manifest.

    Smaller micro-batches give the same gradient, so they are taken without asking; all else is the user's choice.

    Raises:
        DoesNotFit: not even one example at a time fits; the text has the table and two changes that would fit.
    """
    device = device_for(recipe)
    config = config_of(recipe.student.model)
    rows = rows_for(recipe, config, run.folder, task)
    candidates = candidates_for(recipe, rows, task)
    simulations = Remembered().simulations()  # the table and the changes ask for much that was asked before
    asked = Asked(config, rows.rows, recipe.train, device, candidates, simulations)
    option = fitting(asked)
    if option is None:
        plan = make_plan(recipe, config, rows, device, candidates, simulations)
        raise DoesNotFit(refusal(plan, recipe, changes_that_fit(recipe, asked)))
    changed = recipe.train.model_copy(update={"micro_tokens": option.micro_tokens})
    figures: dict[str, Any] = {"predicted_bytes": option.bytes, "predicted_tensor_bytes": option.tensor_bytes}
    figures |= {"predicted_by_kind": option.kinds, "memory_bytes": device.bytes, "micro_tokens": option.micro_tokens}
    return recipe.model_copy(update={"train": changed}), figures


def fitting(asked: Asked) -> Option | None:
    """Return the recipe's training with the largest micro-batches that fit; None where one example is too much."""
    train = asked.train
    for micro_tokens in (train.micro_tokens, *smaller(asked.rows, train.micro_tokens)):
        option = asked.option(train.modality, micro_tokens, train.checkpointing)
        if option.missing:
            raise UserError(option.missing)
        if option.fits:
            return option
        if option.hopeless:
            return None
    return None


def changes_that_fit(recipe: Recipe, asked: Asked) -> list[tuple[list[str], Option]]:
    """Return up to two changes of the recipe, as overrides, with which it would be trained; the gentlest first."""
    return list(islice(_fitting_changes(recipe, asked), 2))


def _fitting_changes(recipe: Recipe, asked: Asked) -> Iterator[tuple[list[str], Option]]:
    for change in _CHANGES:
        if all(_value(recipe, key) == value for key, value in change.items()):
            continue
        train = recipe.train.model_copy(
            update={key.removeprefix("train."): value for key, value in change.items() if key.startswith("train.")}
        )
        other = config_of(str(change["student.model"])) if "student.model" in change else asked.config
        least = [train.micro_tokens, *smaller(asked.rows, train.micro_tokens)][-1]
        train = train.model_copy(update={"micro_tokens": least})
        option = as_asked(replace(asked, config=other, train=train), train.modality)
        if option.fits:
            yield [f"{key}={str(value).lower()}" for key, value in change.items()], option


def _value(recipe: Recipe, key: str) -> Any:
    section, _, name = key.partition(".")
    return getattr(getattr(recipe, section), name)


def refusal(plan: Plan, recipe: Recipe, changes: list[tuple[list[str], Option]]) -> str:
    """Return the message: what is needed, the table, and what would fit."""
    lines = [
        f"{recipe.train.modality} fine-tuning of {recipe.student.model} does not fit into {size(plan.device.bytes)}, "
        "not even one example at a time:",
        "",
        table(plan),
        "",
    ]
    if changes:
        lines.append("What would fit (add it to the command):")
        lines += [f"  {' '.join(keys)}    needs {size(option.bytes)}" for keys, option in changes]
    else:
        lines.append("No change of the recipe would fit: take a smaller student.")
    lines.append("To train without a plan: plan.check=false. To plan for other memory: plan.memory=16GB")
    return "\n".join(lines)
