"""The tables of a study: the paper's, and ours. A missing figure is a dash."""

from collections.abc import Mapping, Sequence
from typing import Any

from thriftune.report.facts import number, rate
from thriftune.sweep.findings import nats, points, words
from thriftune.sweep.pareto import front
from thriftune.sweep.plan import Planned, Records
from thriftune.sweep.results import Result, loss_difference, match_difference, paired, pick

Rows = list[list[str]]
MODALITIES = ("full", "lora", "qlora")


def modalities(results: Sequence[Result], metric: str) -> Rows:
    """The paper's table: best loss per modality, with time and peak memory; and how the answers did."""
    head = ["modality", "runs", "best label loss", "its " + _name(metric), "its seconds of training", "its peak, GB"]
    rows = [head]
    for modality in MODALITIES:
        runs = [r for r in _trained(results) if r.record["train"].get("modality") == modality]
        known = [(loss, r) for r in runs if (loss := r.score("label_loss")) is not None]
        if known:
            loss, best = min(known, key=lambda pair: pair[0])
            cells = [number(loss, 4), rate(best.record["scores"].get(metric)), *_costs(best)]
            rows.append([modality, str(len(runs)), *cells])
    return rows


def arms(results: Sequence[Result], metric: str) -> Rows:
    """DSS and label-only in each modality: the means over the seeds."""
    name = _name(metric)
    rows = [
        [
            "modality",
            "objective",
            "equal",
            "seeds",
            name,
            "label loss",
            "steps",
            "tokens processed",
            "seconds",
            "peak, GB",
        ]
    ]
    for modality in MODALITIES:
        for objective, compute in (("dss", "steps"), ("label_only", "steps"), ("label_only", "tokens")):
            runs = pick(results, "ablation", modality=modality, objective=objective, compute=compute)
            if runs:
                told = "–" if objective == "dss" else compute
                rows.append([modality, objective.replace("_", "-"), told, _seeds(runs), *_means(runs, metric)])
    return rows


def _means(runs: Sequence[Result], metric: str) -> list[str]:
    scores = [_percent(_mean([r.score(metric) for r in runs])), number(_mean([r.score("label_loss") for r in runs]), 4)]
    train = [_mean([r.train(key) for r in runs]) for key in ("steps", "processed_tokens", "train_seconds")]
    return [
        *scores,
        *(number(value, 0) for value in train),
        number(_giga(_mean([r.train("peak_bytes") for r in runs])), 2),
    ]


def comparisons(results: Sequence[Result], metric: str) -> tuple[Rows, list[str]]:
    """The paper's second table: DSS less label-only in every configuration, and what it shows in words."""
    rows = [["modality", "equal", f"difference of {_name(metric)}, DSS − label-only", "of the test loss of labels"]]
    said = []
    for modality in MODALITIES:
        dss = pick(results, "ablation", modality=modality, objective="dss")
        for compute in ("steps", "tokens"):
            pairs = paired(dss, pick(results, "ablation", modality=modality, objective="label_only", compute=compute))
            if pairs:
                difference = match_difference(pairs, metric)
                losses = loss_difference(pairs)
                rows.append([modality, compute, points(difference), nats(losses)])
                said.append(words(f"{modality}, equal {compute}", difference, losses))
    return rows, said


def ratios(results: Sequence[Result], metric: str) -> Rows:
    """The paper's third table: quality over alpha:rank, a row for each rank; the mean over the seeds, and the loss."""
    points_ = [r for r in results if r.group == "sweep" and "train.alpha_ratio" in r.row]
    found = sorted({float(r.row["train.alpha_ratio"]) for r in points_})
    rows = [["rank", *(f"alpha:rank {ratio:g}:1" for ratio in found)]]
    for rank in sorted({r.row.get("train.rank") or 0 for r in points_}):
        cells = []
        for ratio in found:
            runs = [r for r in points_ if r.row.get("train.rank", 0) == rank and r.row["train.alpha_ratio"] == ratio]
            cells.append(_cell(runs, metric))
        rows.append([str(rank), *cells])
    return rows


def _cell(runs: Sequence[Result], metric: str) -> str:
    if not runs:
        return "–"
    loss = number(_mean([r.score("label_loss") for r in runs]), 3)
    seeds = "" if len(runs) == 1 else f", {len(runs)} seeds"
    quality = (
        rate(runs[0].record["scores"].get(metric))
        if len(runs) == 1
        else _percent(_mean([r.score(metric) for r in runs]))
    )
    return f"{quality} (loss {loss}{seeds})"


def search(results: Sequence[Result], metric: str) -> Rows:
    """Every point of the search and every preset with its scores; a star marks the Pareto front."""
    runs = [r for r in results if r.group in ("sweep", "preset")]
    best = front(runs, metric)
    rows = [["", "point", "seed", _name(metric), "label loss", "seconds of training", "peak, GB"]]
    ranked = sorted(runs, key=lambda r: -(r.score(metric) or 0.0))
    for r in ranked:
        cells = [rate(r.record["scores"].get(metric)), number(r.score("label_loss"), 4), *_costs(r)]
        rows.append(["★" if r in best else "", point(r.row), str(r.seed), *cells])
    return rows


def baselines(results: Sequence[Result], metric: str) -> Rows:
    """The untouched student."""
    rows = [["the untouched student", _name(metric), "valid", "label loss"]]
    for r in pick(results, "baseline"):
        name = f"{r.row['shots']} examples in the prompt" if r.row["shots"] else "zero-shot"
        scores = r.record["scores"]
        rows.append([name, rate(scores.get(metric)), rate(scores.get("valid")), number(r.score("label_loss"), 4)])
    return rows


def lessons(results: Sequence[Result], metric: str) -> Rows:
    """The data-need curve: so many lessons, equal steps."""
    rows = [["lessons", _name(metric), "label loss"]]
    whole = pick(results, "ablation", objective="dss")[:1] if pick(results, "lessons") else []
    for r in [*pick(results, "lessons"), *whole]:
        rows.append(
            [number(r.train("lessons"), 0), rate(r.record["scores"].get(metric)), number(r.score("label_loss"), 4)]
        )
    return rows


def missing(planned: Sequence[Planned], records: Records) -> Rows:
    """What did not come out: failed, out of memory, crashed, pruned, and how many have not ended yet."""
    rows = [["trial", "for", "status", "reason"]]
    for each in {each.trial.id: each for each in planned}.values():
        record: Mapping[str, Any] = records.get(each.trial.id, {})
        if record.get("status", "done") != "done":
            cells = [str(record["status"]), str(record.get("reason", ""))]
            rows.append([each.trial.id[:8], f"{each.group} {point(each.row)}", *cells])
    return rows


def point(row: Mapping[str, Any]) -> str:
    """Return a row of the plan as text, without its seed."""
    return " ".join(f"{key.removeprefix('train.')}={value}" for key, value in row.items() if key != "seed")


def _costs(result: Result) -> list[str]:
    return [number(result.train("train_seconds"), 0), number(_giga(result.train("peak_bytes")), 2)]


def _trained(results: Sequence[Result]) -> list[Result]:
    """Each trial once: a sweep and an ablation may share it."""
    return list({r.record["id"]: r for r in results if "train" in r.record}.values())


def _seeds(runs: Sequence[Result]) -> str:
    return ", ".join(str(seed) for seed in sorted(r.seed for r in runs))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _giga(value: float | None) -> float | None:
    return None if value is None else value / 1e9


def _name(metric: str) -> str:
    return metric.replace("_", " ")
