"""Toy studies: a recipe in a temporary folder, and an executor that makes up what a worker would leave behind."""

import json
from pathlib import Path

from thriftune.files import write_json, write_records
from thriftune.recipe import Recipe, load
from thriftune.records import QuestionLoss, Verdict
from thriftune.runs import Run
from thriftune.sweep.folder import specification
from thriftune.sweep.worker import MACHINE, machine
from thriftune.testing import tiny

RECIPE = """
name: toy
task:
  collections:
    films: {{mapping: mapping.json, documents: documents.jsonl}}
teacher: {{lessons: [lessons.jsonl]}}
dataset: {{test: 0.3, valid: 0.1}}
student: {{model: {student}}}
train: {{rank: 4, batch: 4, max_steps: 4, learning_rate: 1.0e-3, precision: fp32, checkpoint_minutes: 0.0001}}
evaluate: {{max_new_tokens: 8, bootstrap: 100}}
plan: {{check: false}}
study:
{study}
"""
GENRES = ["Horror", "Comedy", "Drama", "War", "Crime", "Family", "Western", "Musical", "Mystery", "Sport"]


def write(folder: Path, study: str, student: bool = False) -> Path:
    """Write a recipe with its inputs; return its path. `student`: with a tiny real student."""
    model = tiny.save(folder / "student") if student else "no-model"
    text = "\n".join("  " + line for line in study.strip().splitlines())
    (folder / "recipe.yaml").write_text(RECIPE.format(student=model, study=text))
    mapping = {"mappings": {"properties": {"genre": {"type": "keyword"}, "year": {"type": "integer"}}}}
    (folder / "mapping.json").write_text(json.dumps(mapping))
    documents = [{"genre": genre, "year": 1990 + n} for n, genre in enumerate(GENRES * 2)]
    (folder / "documents.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    lessons = [
        {
            "id": f"l{n}",
            "collection": "films",
            "questions": [f"which films are of the kind {genre}?", f"{genre} please, {n} times asked"],
            "response": f"<rationale>{genre} is an exact term on genre.</rationale>"
            f'<answer>{{"query":{{"term":{{"genre":"{genre}"}}}}}}</answer>',
        }
        for n, genre in enumerate(GENRES)
    ]
    (folder / "lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    return folder / "recipe.yaml"


def recipe(folder: Path, study: str) -> Recipe:
    return load(write(folder, study))


class Pretended:
    """An executor without processes: what a worker would write is made up at once from the trial's recipe.

    `codes` maps a place in the order of starts (from 0) to exit codes of that worker, 0 where it has none.
    """

    def __init__(self, slots: int = 1, codes: dict[int, int] | None = None) -> None:
        self.slots = slots
        self.codes = codes or {}
        self.started: list[Path] = []
        self.budgets: list[int | None] = []
        self._ending: dict[Path, int] = {}

    def start(self, folder: Path, modality: str) -> None:
        code = self.codes.get(len(self.started), 0)
        self.started.append(folder)
        settings, kind, _ = specification(folder)
        self.budgets.append(settings.train.max_tokens)
        write_json(folder / MACHINE, machine())
        if code == 0:
            pretend(folder, settings, kind)
        elif code > 0:
            stages = Run(folder).manifest["stages"] | {"train": {"id": "x", "status": "failed: ValueError: too large"}}
            Run(folder).note(stages=stages)
        self._ending[folder] = code

    def ended(self, folder: Path) -> int | None:
        return self._ending.pop(folder)

    def stop(self, folder: Path) -> None:
        self._ending.pop(folder)

    def close(self) -> None:
        self._ending.clear()


def pretend(folder: Path, settings: Recipe, kind: str) -> None:
    right = settings.train.rank + settings.train.seed if kind == "tuned" else 0
    verdicts = [Verdict(question_id=f"q{n:03}", valid=True, execution_match=n < right) for n in range(100)]
    write_records(folder / ("verdicts.jsonl" if kind == "tuned" else "verdicts-base.jsonl"), verdicts)
    losses = [
        QuestionLoss(
            question_id=f"q{n:03}", label_nats=n / (1 + right), label_tokens=9, rationale_nats=1, rationale_tokens=9
        )
        for n in range(100)
    ]
    write_records(folder / ("losses.jsonl" if kind == "tuned" else "losses-base.jsonl"), losses)
    cell = {"value": right / 100, "low": 0.0, "high": 1.0, "n": 100}
    loss = {"value": 1 / (1 + right), "low": 0.0, "high": 1.0, "n": 100}
    who = "tuned" if kind == "tuned" else "base"
    write_json(folder / "scores.json", {who: {"execution_match": cell, "label_loss": loss, "families": {}}})
    tokens = 900 if settings.train.objective == "dss" else 500
    figures = {
        "steps": 4,
        "processed_tokens": tokens,
        "train_seconds": 1.0 + settings.train.rank,
        "peak_bytes": {"full": 3e9, "lora": 2e9, "qlora": 1e9}[settings.train.modality],
        "modality": settings.train.modality,
        "lessons": settings.train.lessons or 14,
    }
    stages = {name: {"id": "x", "status": "done", "seconds": 1.0} for name in ("evaluate",)}
    if kind == "tuned":
        stages["train"] = {"id": "x", "status": "done", "seconds": 1.0, "figures": figures}
    Run(folder).note(stages=Run(folder).manifest["stages"] | stages)
