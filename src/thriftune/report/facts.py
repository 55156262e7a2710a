"""The facts of one run, read from its manifest and records only; a missing figure is missing, never 0."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thriftune.errors import InputError
from thriftune.evaluate.scores import wilson
from thriftune.files import read_lines, read_records
from thriftune.records import Prediction, Verdict
from thriftune.runs import Run

METRICS = {
    "execution_match": "execution match",
    "robust_match": "robust execution match",
    "result_f1": "result F1",
    "canonical_match": "canonical match",
    "exact_match": "exact match",
    "valid": "valid queries",
}


@dataclass(frozen=True)
class Shown:
    """One example for the page."""

    question: str
    collection: str
    gold: str
    text: str
    gold_result: str
    result: str
    detail: str


@dataclass(frozen=True)
class Facts:
    """What the report shows."""

    name: str
    manifest: dict[str, Any]
    scores: dict[str, dict[str, Any]]
    metrics: list[dict[str, Any]]
    right: list[Shown]
    wrong: list[Shown]

    @property
    def students(self) -> list[str]:
        """The students that were scored, the base first."""
        return [who for who in ("base", "tuned") if who in self.scores]

    def figures(self, stage: str) -> dict[str, Any]:
        """Return what a stage added to the manifest."""
        return dict(self.manifest["stages"].get(stage, {}).get("figures", {}))

    def seconds(self, stage: str) -> float | None:
        """Return how long a stage took; for training the steps of all its starts, not only of the last one."""
        value = self.manifest["stages"].get(stage, {}).get("seconds")
        if stage == "train":
            value = self.figures(stage).get("train_seconds", value)
        return None if value is None else float(value)


def collect(run: Run, examples: int = 10) -> Facts:
    """Read the facts of a run whose evaluation is done.

    Raises:
        InputError: a file of the run is missing or damaged.
    """
    scores = _scores(run.path("scores.json"))
    predictions = read_records(run.path("predictions.jsonl"), Prediction)
    verdicts = {verdict.question_id: verdict for verdict in read_records(run.path("verdicts.jsonl"), Verdict)}
    rows = [(p, verdicts[p.question.id]) for p in predictions if p.question.id in verdicts]
    right = [_shown(p, v) for p, v in rows if v.execution_match]
    wrong = [_shown(p, v) for p, v in rows if v.execution_match is False]
    metrics = (
        [value for _, value in read_lines(run.path("metrics.jsonl"))] if run.path("metrics.jsonl").exists() else []
    )
    return Facts(str(run.manifest.get("name", "")), run.manifest, scores, metrics, right[:examples], wrong[:examples])


def _scores(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged: {error}. Delete it and evaluate again: thriftune run RECIPE") from error


def rate(cell: Any) -> str:
    """Return `41.2 % [33.0, 49.1]`, or a dash where there is no figure."""
    if not isinstance(cell, dict):
        return "–"
    return f"{cell['value'] * 100:.1f} % [{cell['low'] * 100:.1f}, {cell['high'] * 100:.1f}]"


def share(cell: Any) -> str:
    """Return a rate of few questions with Wilson's interval, such as `50 % [9, 91]`, or a dash."""
    if not isinstance(cell, dict):
        return "–"
    low, high = wilson(cell["value"], cell["n"])
    return f"{cell['value'] * 100:.0f} % [{low * 100:.0f}, {high * 100:.0f}]"


def nats(cell: Any) -> str:
    """Return `0.082 [0.071, 0.094]`, or a dash where there is no figure."""
    return f"{cell['value']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]" if isinstance(cell, dict) else "–"


def number(value: Any, digits: int = 3) -> str:
    """Return a number with so many digits, or a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"


def table(facts: Facts) -> list[list[str]]:
    """Return the main table: a header, then a row per metric with a cell per student."""
    rows = [["", *facts.students]]
    for key, title in METRICS.items():
        rows.append([title, *(rate(facts.scores[who].get(key)) for who in facts.students)])
    rows.append(
        ["answers that could not be judged", *(_count(facts.scores[w].get("unsupported")) for w in facts.students)]
    )
    rows.append(
        ["answers cut off at max_new_tokens", *(_count(facts.scores[w].get("cut_off")) for w in facts.students)]
    )
    rows.append(
        ["answers kept within a grammar", *(_yes(facts.scores[who].get("constrained")) for who in facts.students)]
    )
    if any(facts.scores[who].get("gold_refused") for who in facts.students):
        cells = (_count(facts.scores[who].get("gold_refused")) for who in facts.students)
        rows.append(["gold answers that the grammar cannot spell", *cells])
    for key in ("label_loss", "rationale_loss"):
        rows.append([key.replace("_", " "), *(nats(facts.scores[who].get(key)) for who in facts.students)])
    rows.append(
        [
            "seconds per answer, in batches",
            *(number(facts.scores[who].get("seconds_per_answer"), 2) for who in facts.students),
        ]
    )
    rows.append(
        ["tokens per second", *(number(facts.scores[who].get("tokens_per_second"), 1) for who in facts.students)]
    )
    rows.append(["peak memory, GB", *(number(_giga(facts.scores[who].get("peak_bytes")), 2) for who in facts.students)])
    first = next(iter(facts.scores.values())).get("execution_match")
    rows[0][0] = f"{first['n']} test questions" if first else "test questions"
    return rows


def families(facts: Facts) -> list[list[str]]:
    """Return the table of execution match per clause family."""
    rows = [["clause family", "questions", *facts.students]]
    tuned = facts.scores[facts.students[-1]].get("families", {})
    for family, cell in tuned.items():
        cells = [facts.scores[who].get("families", {}).get(family) for who in facts.students]
        rows.append([family, str(cell["n"]), *map(share, cells)])
    return rows


def faults(facts: Facts) -> list[list[str]]:
    """Return the table of faults by kind."""
    counts = [facts.scores[who].get("faults") for who in facts.students]
    kinds = {kind: None for count in counts for kind in count or {}}
    rows = [["fault", *facts.students]]
    return rows + [[kind, *("–" if count is None else str(count.get(kind, 0)) for count in counts)] for kind in kinds]


def lessons(facts: Facts) -> list[list[str]]:
    """Return the table of the lessons, and of the seconds that each stage took."""
    teach, dataset = facts.figures("teach"), facts.figures("dataset")
    rejected = str(sum(teach["rejected"].values())) if "rejected" in teach else "–"
    return [
        ["lessons kept / rejected", f"{teach.get('kept', '–')} / {rejected}"],
        *([f"rejected as {reason}", str(count)] for reason, count in teach.get("rejected", {}).items()),
        ["acceptance rate of the teacher", _percent(teach.get("acceptance_rate"))],
        ["USD per accepted lesson", number(teach.get("usd_per_lesson"), 4)],
        ["teacher", str(teach.get("teacher", "–"))],
        ["train / valid / test", " / ".join(str(dataset.get(k, "–")) for k in ("train", "valid", "test"))],
        ["pairs that straddle the split", str(dataset.get("leaks", "–"))],
        *([f"seconds: {name}", number(facts.seconds(name), 0)] for name in ("teach", "dataset", "train", "evaluate")),
    ]


def training(facts: Facts) -> list[list[str]]:
    """Return the table of the training: what was trained, how fast, in how much memory."""
    train = facts.figures("train")
    parameters = " / ".join(_count(train.get(key)) for key in ("trainable_parameters", "parameters"))
    return [
        ["modality, precision", f"{train.get('modality', '–')}, {train.get('precision', '–')}"],
        ["trainable / all parameters", parameters],
        ["optimizer steps", str(train.get("steps", "–"))],
        ["supervised tokens per second", number(train.get("tokens_per_second"), 0)],
        ["examples per second", number(train.get("examples_per_second"), 2)],
        ["share of the GEMM ceiling", _percent(train.get("gemm_share"))],
        ["peak memory of training, GB", number(_giga(train.get("peak_bytes")), 2)],
        *([f"of it {kind}, GB", number(_giga(held), 3)] for kind, held in train.get("peak_bytes_by_kind", {}).items()),
    ]


def _percent(value: Any) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _giga(value: Any) -> float | None:
    return None if value is None else float(value) / 1e9


def _yes(value: Any) -> str:
    return "–" if value is None else "yes" if value else "no"


def _count(value: Any) -> str:
    return "–" if value is None else f"{value:,}"


def _shown(prediction: Prediction, verdict: Verdict) -> Shown:
    return Shown(
        prediction.question.text,
        prediction.question.collection,
        prediction.gold,
        prediction.text[:2000],
        verdict.gold_result,
        verdict.result,
        f"{verdict.fault}: {verdict.detail}" if verdict.fault else "",
    )
