"""The paper's four findings, each confirmed, refuted or not decided, with the figures that say so.

A finding that is several comparisons is *confirmed* when all of them are shown (95 % intervals on its side of 0),
*refuted* when one is shown on the other side, and else *not decided*. Nothing is corrected for the number of looks:
requiring all makes a confirmation cautious, taking any makes a refutation easier than 5 %. One pair of runs shows
something of two trainings and decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from thriftune.evaluate import scores
from thriftune.sweep.paired import Difference
from thriftune.sweep.results import Result, loss_difference, match_difference, paired, pick

CONFIRMED, REFUTED, OPEN = "confirmed", "refuted", "not decided"
_LEAST = 2  # pairs of runs behind a comparison that decides
_ORDER = ("full", "lora", "qlora")


Pairs = Sequence[tuple[Result, Result]]


@dataclass(frozen=True)
class Finding:
    """What the paper says, what was found here, and the figures: one line for each comparison.

    Attributes:
        verdict: by the study's metric. by_loss: by the test loss of labels, which is what the paper compares by; empty
            where the finding is not one of quality.
    """

    name: str
    claim: str
    verdict: str
    figures: list[str]
    by_loss: str = ""


def findings(results: Sequence[Result], metric: str) -> list[Finding]:
    """Return F1 to F4 as these results judge them."""
    return [_dss(results, metric), _modalities(results, metric), _ratio(results, metric), _memory(results)]


def _dss(results: Sequence[Result], metric: str) -> Finding:
    found: list[tuple[str, Pairs]] = []
    for modality in _ORDER:
        dss = pick(results, "ablation", modality=modality, objective="dss")
        for compute in ("steps", "tokens"):
            alone = pick(results, "ablation", modality=modality, objective="label_only", compute=compute)
            if pairs := paired(dss, alone):
                found.append((f"{modality}, equal {compute}: DSS − label-only", pairs))
    known = {r.row["modality"] for r in results if r.group == "ablation"}
    claim = "DSS beats label-only in every configuration"
    return _judged("F1", claim, found, metric, missing=len(known) < len(_ORDER))


def _modalities(results: Sequence[Result], metric: str) -> Finding:
    found: list[tuple[str, Pairs]] = []
    for better, worse in pairwise(_ORDER):
        sides = [pick(results, "ablation", modality=m, objective="dss") for m in (better, worse)]
        found.append((f"{better} − {worse}, with DSS", paired(*sides)))
    return _judged("F2", "full > LoRA > QLoRA in quality", found, metric)


def _ratio(results: Sequence[Result], metric: str) -> Finding:
    points = [r for r in results if r.group == "sweep" and "train.alpha_ratio" in r.row]
    found: list[tuple[str, Pairs]] = []
    for other in sorted({float(r.row["train.alpha_ratio"]) for r in points} - {4.0}):
        pairs: list[tuple[Result, Result]] = []
        for rank in sorted({r.row.get("train.rank") for r in points}, key=str):
            same = [r for r in points if r.row.get("train.rank") == rank]
            sides = [[r for r in same if float(r.row["train.alpha_ratio"]) == ratio] for ratio in (4.0, other)]
            pairs += paired(*sides)
        found.append((f"4:1 − {other:g}:1, over {len(pairs)} pairs of rank and seed", pairs))
    return _judged("F3", "alpha:rank = 4:1 is the best balance", found, metric, missing=not found)


def _memory(results: Sequence[Result]) -> Finding:
    claim, figures, verdicts = "memory falls from full to LoRA to QLoRA", [], []
    for more, less in pairwise(_ORDER):
        sides = [_peaks(results, modality) for modality in (more, less)]
        if not all(sides):
            continue
        high, low = sides
        figures.append(f"{more} {_span(high)}, {less} {_span(low)} GB at the peak of training (DSS)")
        apart = (min(high) > max(low)) - (max(high) < min(low))
        verdicts.append(apart if min(len(high), len(low)) >= _LEAST else 0)
    return Finding("F4", claim, _verdict(verdicts, missing=len(verdicts) < 2), figures)


def _peaks(results: Sequence[Result], modality: str) -> list[float]:
    runs = pick(results, "ablation", modality=modality, objective="dss")
    return [peak / 1e9 for peak in (run.train("peak_bytes") for run in runs) if peak is not None]


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f}" if len(values) == 1 else f"{min(values):.2f} – {max(values):.2f}"


def _judged(name: str, claim: str, found: Sequence[tuple[str, Pairs]], metric: str, missing: bool = False) -> Finding:
    known = [(text, match_difference(pairs, metric), loss_difference(pairs)) for text, pairs in found]
    figures = [f"{text}: {points(match)}; loss {nats(loss)}" for text, match, loss in known if match]
    by_match = _of([match for _, match, _ in known], 1, missing)
    by_loss = _of([loss for _, _, loss in known], -1, missing)  # the lower the better
    return Finding(name, claim, by_match, figures, by_loss)


def _of(differences: Sequence[Difference | None], better: int, missing: bool) -> str:
    known = [each for each in differences if each]
    lacking = missing or not known or len(known) < len(differences)
    return _verdict([better * each.shown if each.seeds >= _LEAST else 0 for each in known], lacking)


def _verdict(shown: Sequence[int], missing: bool) -> str:
    if -1 in shown:
        return REFUTED
    return CONFIRMED if shown and not missing and all(sign == 1 for sign in shown) else OPEN


def points(difference: Difference | None) -> str:
    """Return `+3.1 points [0.4, 5.8] (3 seeds, 160 questions)`, or a dash."""
    if difference is None:
        return "–"
    shown = scores.points(difference.value, difference.low, difference.high)
    return f"{shown} ({_few(difference.seeds)}, {difference.questions} questions)"


def nats(difference: Difference | None) -> str:
    """Return `−0.0310 [−0.0402, −0.0218] nats`, or a dash."""
    if difference is None:
        return "–"
    return f"{difference.value:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}] nats"


def _few(count: int) -> str:
    return f"{count} pair{'s' if count != 1 else ''} of runs"


def words(name: str, difference: Difference | None, losses: Difference | None) -> str:
    """Say what a comparison of DSS with label-only shows and what it does not."""
    if difference is None:
        return f"{name}: not compared yet."
    sign = {1: "DSS is better than label-only", -1: "label-only is better than DSS", 0: "no difference is shown"}
    text = f"{name}: {sign[difference.shown]}: {points(difference)}."
    if difference.shown == 0:
        down, up = abs(100 * difference.low), abs(100 * difference.high)
        text += f" A difference of {down:.1f} points down or {up:.1f} up is not excluded."
    if difference.seeds == 1:
        text += " One seed: this says something of these two trainings, not of the method."
    if losses:
        side = {1: "higher", -1: "lower", 0: "not shown to differ"}[losses.shown]
        text += f" Label loss of DSS less label-only {nats(losses)}: {side}."
    return text
