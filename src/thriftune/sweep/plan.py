"""Which trials are needed, in which order: an interrupted study should already tell something.

A plan is a function of the recipe and the records so far: repeats of the best are known when the others have ended.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from thriftune.recipe import Recipe
from thriftune.sweep.space import grid, presets
from thriftune.sweep.trial import Trial, base, tuned

Records = Mapping[str, Mapping[str, Any]]  # id → record of a trial that has ended
Plan = Callable[[Records], "list[Planned]"]


@dataclass(frozen=True)
class Planned:
    """A trial and what it is for: `group` is a table, `row` its place there."""

    group: str
    row: dict[str, Any]
    trial: Trial


def ablation(recipe: Recipe) -> list[Planned]:
    """Return DSS and label-only of each modality, the first seed of all of them first."""
    return [each for seed in recipe.study.ablation.seeds for each in _ablation(recipe, seed)]


def _ablation(recipe: Recipe, seed: int) -> Iterator[Planned]:
    chosen = recipe.study.ablation
    for modality in chosen.modalities:
        settings = {"train.modality": modality, **chosen.settings.get(modality, {})}
        row = {"modality": modality, "seed": seed}
        dss = tuned(recipe, {**settings, "train.objective": "dss"}, seed)
        yield Planned("ablation", {**row, "objective": "dss", "compute": "steps"}, dss)
        alone = {**settings, "train.objective": "label_only"}
        for compute in chosen.compute:
            trial = tuned(recipe, alone, seed, dss.id if compute == "tokens" else None)
            yield Planned("ablation", {**row, "objective": "label_only", "compute": compute}, trial)


def grid_points(recipe: Recipe) -> list[Planned]:
    """Return the points of the grid with each seed, the first seed of all of them first."""
    return [point(recipe, each, seed) for seed in recipe.study.seeds for each in grid(recipe)]


def sweep(recipe: Recipe, searched: list[Planned], records: Records) -> list[Planned]:
    """Return the search: its points, the presets, and the best points again with more seeds."""
    found = list(searched)
    for name, overrides in presets(recipe):
        trial = tuned(recipe, overrides, recipe.study.seeds[0])
        found.append(Planned("preset", {"preset": name, "modality": overrides["train.modality"]}, trial))
    return found + _repeats(recipe, searched, records)


def _repeats(recipe: Recipe, searched: list[Planned], records: Records) -> list[Planned]:
    """Return the best points with more seeds; nothing while one of the points has not ended."""
    study = recipe.study
    if not study.best or any(each.trial.id not in records for each in searched):
        return []
    first = {each.trial.id: each for each in searched if each.row["seed"] == study.seeds[0]}
    scored = [(quality(records[key], study.metric), each) for key, each in first.items()]
    ranked = sorted((pair for pair in scored if pair[0] is not None), key=lambda pair: -(pair[0] or 0.0))
    best = [dict(each.trial.overrides) for _, each in ranked[: study.best]]
    more = [seed for seed in study.best_seeds if seed not in study.seeds]
    return [point(recipe, each, seed) for seed in more for each in best]


def point(recipe: Recipe, overrides: dict[str, Any], seed: int) -> Planned:
    """Return a point of the search with a seed."""
    return Planned("sweep", {**overrides, "seed": seed}, tuned(recipe, overrides, seed))


def baselines(recipe: Recipe) -> list[Planned]:
    """Return the untouched student, with and without examples in its prompt."""
    return [Planned("baseline", {"shots": shots}, base(recipe, shots)) for shots in recipe.study.shots]


def lessons(recipe: Recipe) -> list[Planned]:
    """Return the data-need curve: fewer lessons, equal steps (more epochs)."""
    first = next(iter(recipe.study.ablation.modalities), recipe.train.modality)
    settings = {"train.modality": first, **recipe.study.ablation.settings.get(first, {})}
    seed, found = recipe.study.ablation.seeds[0], []
    for count in recipe.study.lessons:
        overrides = {**settings, "train.objective": "dss", "train.lessons": count}
        if steps := recipe.train.max_steps:
            overrides["train.epochs"] = max(recipe.train.epochs, -(-steps * recipe.train.batch // count) + 1)
        found.append(Planned("lessons", {"lessons": count}, tuned(recipe, overrides, seed)))
    return found


def study(recipe: Recipe, searched: list[Planned], records: Records) -> list[Planned]:
    """Return everything, in the order in which it tells most: the first seed of the ablation, baselines, search, other
    seeds; then equal compute, presets, the best again, the data need.
    """
    rows, first = ablation(recipe), recipe.study.ablation.seeds[0]
    steps = [each for each in rows if each.row["compute"] == "steps"]
    early = [each for each in steps if each.row["seed"] == first]
    late = [each for each in steps if each.row["seed"] != first]
    compute = [each for each in rows if each.row["compute"] == "tokens"]
    beside = sweep(recipe, searched, records)[len(searched) :]
    return [*early, *baselines(recipe), *searched, *late, *compute, *beside, *lessons(recipe)]


def quality(record: Mapping[str, Any], metric: str) -> float | None:
    """Return the rate that trials are ranked by; None for a trial that has none."""
    cell = record.get("scores", {}).get(metric)
    return float(cell["value"]) if record.get("status") == "done" and cell else None
