"""The pilot's page: quality, time, memory and cost side by side, and what to take."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from thriftune.plan.curve import Curve, Told, fitted
from thriftune.plan.make import Plan
from thriftune.plan.pilot import of_modalities, of_sizes, passes
from thriftune.plan.text import NAMES, size
from thriftune.recipe import Recipe


@dataclass(frozen=True)
class Rated:
    """One modality of the pilot with what its whole training would take. `usd` is None without a price."""

    trial: dict[str, Any]
    hours: float
    usd: float | None
    pareto: bool


def rated(trials: Sequence[dict[str, Any]], recipe: Recipe, lessons: int) -> list[Rated]:
    """Return the modalities with hours, dollars, and whether no other is better in loss, hours and memory at once."""
    found = []
    every = list(of_modalities(trials))
    for trial in every:
        hours = trial["seconds_per_example"] * passes(lessons, recipe.train) / 3600
        if recipe.train.max_minutes:
            hours = min(hours, recipe.train.max_minutes / 60)
        usd = None if recipe.plan.hourly_usd is None else hours * recipe.plan.hourly_usd
        beaten = any(_better(other, trial) for other in every)
        found.append(Rated(trial, hours, usd, not beaten))
    return found


def _better(other: dict[str, Any], trial: dict[str, Any]) -> bool:
    """Nowhere worse and somewhere better; dollars go with the hours."""
    keys = ("label_loss", "seconds_per_example", "predicted_bytes")
    return all(other[key] <= trial[key] for key in keys) and any(other[key] < trial[key] for key in keys)


def page(plan: Plan, trials: Sequence[dict[str, Any]], recipe: Recipe, lessons: int) -> str:
    """Return the page as Markdown."""
    rows = rated(trials, recipe, lessons)
    if not rows:
        return "# Pilot\n\nNothing fits, so nothing was tried. See: thriftune plan RECIPE\n"
    curve = fitted([(trial["lessons"], trial["label_losses"]) for trial in of_sizes(trials)], lessons)
    best = min(rows, key=lambda row: row.trial["label_loss"])
    parts = [
        f"# Pilot: {recipe.name}",
        f"{plan.student} on {plan.device.name}; {lessons} lessons, {best.trial['minutes']:g} minutes a modality.",
        _table(rows),
        f"Recommended: **{_recommended(best)}**. {_why(best, rows)}",
        *_memory(rows),
        *_lessons(curve, lessons),
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Rated]) -> str:
    lines = [
        "| | modality | label loss | seconds an example | whole training | cost | needs | Pareto-optimal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lowest = min(row.trial["label_loss"] for row in rows)
    for row in rows:
        trial = row.trial
        cost = "no price (plan.hourly_usd)" if row.usd is None else f"{row.usd:.2f} USD"
        cells = [
            "→" if trial["label_loss"] == lowest else "",
            NAMES[trial["modality"]],
            f"{trial['label_loss']:.3f}",
            f"{trial['seconds_per_example']:.2f}",
            f"{row.hours:.2f} h",
            cost,
            size(trial["predicted_bytes"]),
            "yes" if row.pareto else "no",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _recommended(best: Rated) -> str:
    trial = best.trial
    keys = [f"train.modality={trial['modality']}", f"train.batch={trial['batch']}"]
    keys += [f"train.micro_tokens={trial['micro_tokens']}"]
    keys += [f"train.rank={trial['rank']}"] if trial["modality"] != "full" else []
    keys += ["train.checkpointing=true"] if trial["checkpointing"] else []
    return " ".join(keys)


def _why(best: Rated, rows: Sequence[Rated]) -> str:
    """Paired: both students were measured on the same questions."""
    others = [row for row in rows if row is not best]
    if not others:
        return "It is the only modality that fits."
    second = min(others, key=lambda row: row.trial["label_loss"])
    pairs = zip(best.trial["label_losses"], second.trial["label_losses"], strict=True)
    differences = [theirs - ours for ours, theirs in pairs]
    mean = sum(differences) / len(differences)
    spread = (sum((value - mean) ** 2 for value in differences) / max(1, len(differences) - 1)) ** 0.5
    half = 1.96 * spread / len(differences) ** 0.5
    said = f"{mean:.3f} ± {half:.3f} nats a token below {NAMES[second.trial['modality']]}, in the same time"
    return f"Its loss is {said}" + ("." if mean > half else ": too near to tell them apart.")


def _memory(rows: Sequence[Rated]) -> list[str]:
    told = [
        f"{NAMES[row.trial['modality']]} {size(row.trial['measured_tensor_bytes'])} of "
        f"{size(row.trial['predicted_tensor_bytes'])}"
        for row in rows
        if row.trial["measured_tensor_bytes"]
    ]
    return [f"Tensors at the peak, measured of predicted: {'; '.join(told)}."] if told else []


def _lessons(curve: Curve | None, lessons: int) -> list[str]:
    if curve is None:
        return ["Learning curve: fewer than two sizes were tried, so it cannot be drawn."]
    points = ", ".join(f"{count}: {loss:.3f}" for count, loss in curve.points)
    at = "; ".join(f"{count}: {_interval(told)}" for count, told in curve.losses.items())
    if curve.halving is None:
        more = "From these points it cannot be told that more lessons help (the exponent's interval holds 0)."
    else:
        more = f"To halve the loss of the largest point: {curve.halving.value:,.0f} lessons "
        more += f"[{curve.halving.low:,.0f}, {curve.halving.high:,.0f}]."
    law = f"loss ~ lessons^-{curve.exponent.value:.2f} [{curve.exponent.low:.2f}, {curve.exponent.high:.2f}]"
    return [
        f"Lessons → label loss after one pass: {points}. Fitted: {law}.",
        f"Expected after one pass over more lessons: {at}. {more} The intervals are of the held-out questions alone.",
    ]


def _interval(told: Told) -> str:
    return f"{told.value:.3f} [{told.low:.3f}, {told.high:.3f}]"
