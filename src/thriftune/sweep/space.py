"""The search space: from dimensions to overrides. A condition that does not hold leaves its key alone."""

from collections.abc import Iterator, Mapping
from typing import Any

from thriftune.recipe import Dimension, Recipe

# Marsh et al. 2026: what the published code sets, and what a published summary says; see docs/study.md
PRESETS: dict[str, dict[str, Any]] = {
    "paper-code": {
        "train.rank": 128,
        "train.alpha": 512.0,
        "train.targets": "all-linear",
        "train.dropout": 0.05,
        "train.double_quantization": False,
    },
    "paper-summary": {
        "train.rank": 16,
        "train.alpha": 64.0,
        "train.targets": ["q_proj", "v_proj"],
        "train.dropout": 0.1,
        "train.double_quantization": True,
    },
}


def grid(recipe: Recipe) -> list[dict[str, Any]]:
    """Return the overrides of every point of the space, each once, in the order of the recipe."""
    found: list[dict[str, Any]] = []
    for point in _points(recipe, list(recipe.study.space.items()), dict(recipe.study.settings)):
        if point not in found:
            found.append(point)
    return found


def _points(recipe: Recipe, left: list[tuple[str, Dimension]], chosen: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not left:
        yield chosen
        return
    (key, dimension), rest = left[0], left[1:]
    if not holds(recipe, dimension, chosen):
        yield from _points(recipe, rest, chosen)
        return
    for value in dimension.values or ():
        yield from _points(recipe, rest, {**chosen, key: value})


def holds(recipe: Recipe, dimension: Dimension, chosen: Mapping[str, Any]) -> bool:
    """Tell whether the dimension's condition holds for what is chosen so far, or else for the recipe."""
    return all(value_of(recipe, key, chosen) in values for key, values in dimension.when.items())


def value_of(recipe: Recipe, key: str, chosen: Mapping[str, Any]) -> Any:
    """Return what is chosen for a dotted key, or else what the recipe says."""
    if key in chosen:
        return chosen[key]
    place: Any = recipe
    for part in key.split("."):
        place = getattr(place, part, None)
    return place


def presets(recipe: Recipe) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, overrides) of the recipe's presets, LoRA and QLoRA each; QLoRA alone knows double quantisation."""
    settings = recipe.study.settings
    return [
        (name, {**settings, **PRESETS[name], "train.modality": modality})
        for name in recipe.study.presets
        for modality in ("lora", "qlora")
    ]
