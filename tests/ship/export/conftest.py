"""Runs of tiny students that were trained for a few steps, so that base and tuned answer differently."""

import json
from pathlib import Path

import pytest
import torch

from thriftune.progress import Progress
from thriftune.recipe import Recipe, load
from thriftune.road import travel
from thriftune.runs import Run
from thriftune.ship.source import Source
from thriftune.ship.stage import export
from thriftune.stages import Lazy, evaluate_identity, train_identity
from thriftune.testing import tiny

TASK = '''
from thriftune.prompts import Prompt
from thriftune.records import Verdict
from thriftune.files import content_id
from thriftune.tasks.base import Task


class Echo(Task):
    """The answer is right if it is the gold text."""

    def identity(self):
        return content_id("echo")

    def prompt(self, question):
        return Prompt("Index films. Fields: year, genres.", question.text + "\\nvalues: none")

    def check(self, question, label):
        return Verdict(question_id=question.id, valid=True, execution_match=True)

    def judge(self, question, gold, predicted):
        same = gold == predicted
        fault = "" if same else "wrong_result"
        return Verdict(question_id=question.id, valid=True, fault=fault, canonical=same, execution_match=same)


def make():
    return Echo()
'''
RECIPE = """
name: tiny
task: {{kind: python, factory: "task.py:make"}}
teacher: {{lessons: [lessons.jsonl]}}
dataset: {{test: 0.3, valid: 0.1}}
student: {{model: {student}}}
train: {{modality: {modality}, rank: 8, dropout: 0.0, batch: 4, epochs: 2, learning_rate: 3.0e-3, precision: fp32,
  vocabulary: {vocabulary}, validations: 0}}
evaluate: {{max_new_tokens: 16, bootstrap: 200}}
"""
GENRES = ["Horror", "Comedy", "Drama", "War", "Crime", "Family", "Western", "Musical", "Mystery", "Sport"]
RUNS = {
    "lora": ("causal", "lora", "full"),
    "qlora": ("causal", "qlora", "full"),
    "full": ("causal", "full", "domain"),
    "t5": ("seq2seq", "lora", "full"),
}


def lively(folder: Path, kind: str, scale: float = 6.0) -> Path:
    """A tiny student with larger weights: untrained it says something else to each question, not the same to all."""
    tiny.save(folder, kind)
    model = tiny.seq2seq() if kind == "seq2seq" else tiny.causal()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                parameter.mul_(scale)
    model.save_pretrained(folder)
    return folder


def write_inputs(folder: Path, kind: str, modality: str, vocabulary: str, student: str = "") -> Path:
    if not student:
        student = str(lively(folder / "student", kind))
        (folder / "student" / "README.md").write_text("---\nlicense: cc0-1.0\n---\n# made in memory\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(student=student, modality=modality, vocabulary=vocabulary))
    (folder / "task.py").write_text(TASK)
    lessons = [
        {
            "id": f"l{n}",
            "collection": "films",
            "questions": [f"which films are of the kind {genre}?", f"{genre} please, {n} times asked"],
            "response": f"<rationale>{genre} is an exact term.</rationale><answer>{genre}</answer>",
        }
        for n, genre in enumerate(GENRES)
    ]
    (folder / "lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    return folder


def source_of(folder: Path) -> Source:
    """Return what `road.ship` hands to the stage."""
    run = Run(folder / "run")
    recipe = Recipe.model_validate(run.manifest["recipe"])
    lazy = Lazy(recipe)
    scored = run.is_done("evaluate", evaluate_identity(run, recipe, lazy))
    return Source(run, recipe, lazy(), train_identity(run, recipe, lazy), scored)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A function from the name of a run in `RUNS` to its folder; each is trained once."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made:
            folder = write_inputs(tmp_path_factory.mktemp(name), *RUNS[name])
            travel(load(folder / "recipe.yaml"), folder / "run")
            made[name] = folder
        return made[name]

    return get


@pytest.fixture(scope="session")
def quiet(tmp_path_factory):
    return Progress("export", stream=open(tmp_path_factory.mktemp("told") / "progress", "w"))


@pytest.fixture(scope="session")
def exported(trained, quiet):
    """A function from a run and a form to the folder of the export; each is made once, and left as it is."""
    made: dict[tuple[str, str], Path] = {}

    def get(name: str, form: str) -> Path:
        if (name, form) not in made:
            made[name, form] = export(source_of(trained(name)), form, None, quiet)
        return made[name, form]

    return get
