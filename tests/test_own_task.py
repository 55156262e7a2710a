"""The whole road through the command line with a task of the user's own, and with JSON by a schema of one's own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from thriftune.testing import tiny

FORMULA = Path(__file__).parents[1] / "examples" / "formula"
SHORT = ["train.max_steps=3", "train.precision=fp32", "evaluate.max_new_tokens=8", "evaluate.bootstrap=100"]
RECIPE = """
name: tickets
task:
  kind: json_schema
  schemas: {tickets: {file: schema.json, notes: {town: of the concert}}}
teacher: {lessons: [lessons.jsonl]}
dataset: {test: 0.3, valid: 0.1}
"""
TOWNS = ["Oslo", "Bergen", "Lund", "Turku", "Riga", "Bonn", "Graz", "Bern"]


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("student"))


def thriftune(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thriftune.cli", *map(str, words)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=environment)


def travelled(folder: Path, *overrides: object) -> dict:
    """Run the recipe of a folder twice; the second time nothing may be done again. Return the manifest's stages."""
    words = ("run", "recipe.yaml", "--out", "run", *SHORT, *overrides)
    first, second = thriftune(folder, *words), thriftune(folder, *words)
    assert first.returncode == 0, first.stderr
    assert second.returncode == 0 and second.stderr.count("not done again") == 5, second.stderr
    stages = json.loads((folder / "run" / "manifest.json").read_text())["stages"]
    assert {stage["status"] for stage in stages.values()} == {"done"}
    return stages


def test_the_formula_travels_the_road_and_is_repeated_when_its_content_changes(tmp_path, student):
    folder = shutil.copytree(FORMULA, tmp_path / "formula")
    stages = travelled(folder, f"student.model={student}")
    assert stages["teach"]["figures"]["kept"] == 40 and not stages["teach"]["figures"]["rejected"]
    words = ("run", "recipe.yaml", "--out", "run", *SHORT, f"student.model={student}")
    moved = folder.rename(tmp_path / "moved")
    assert thriftune(moved, *words).stderr.count("not done again") == 5, "a path is not content"
    (moved / "formula.py").write_text((moved / "formula.py").read_text() + "\n# another version\n")
    assert thriftune(moved, *words).stderr.count("not done again") == 1, "all but the split, which reads lessons alone"


def test_a_schema_of_one_s_own_travels_the_road(tmp_path, student):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    fields = {"town": {"type": "string"}, "seats": {"type": "integer"}}
    (tmp_path / "schema.json").write_text(json.dumps({"properties": fields, "required": ["town"]}))
    lessons = [
        {
            "id": f"t{number}",
            "collection": "tickets",
            "questions": [f"{number} tickets for {town}", f"{town}, I need {number} seats"],
            "response": f'<rationale>In words.</rationale><answer>{{"town":"{town}","seats":{number}}}</answer>',
        }
        for number, town in enumerate([*TOWNS, "Ulm"], start=2)
    ]
    lessons[-1]["response"] = '<rationale>No town.</rationale><answer>{"seats":3}</answer>'
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    stages = travelled(tmp_path, f"student.model={student}")
    assert stages["teach"]["figures"]["kept"] == 16 and stages["teach"]["figures"]["rejected"] == {"invalid": 2}
    (tmp_path / "schema.json").write_text(json.dumps({"properties": fields}))
    again = thriftune(tmp_path, "teach", "recipe.yaml", "--out", "run")
    assert again.returncode == 0 and "18 kept" in again.stderr, "another schema is another task"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make():\n    return 3\n", "returned a int without identity, prompt, check"),
        ("", "has no function make"),
        (
            "from thriftune.errors import InputError\ndef make():\n    raise InputError('rows are missing')\n",
            "rows are",
        ),
    ],
)
def test_a_file_that_makes_no_task_is_told(tmp_path, code, message):
    (tmp_path / "mine.py").write_text(code)
    (tmp_path / "lessons.jsonl").write_text("")
    task = "{kind: python, factory: mine.py:make}"
    (tmp_path / "recipe.yaml").write_text(f"name: x\ntask: {task}\nteacher: {{lessons: [lessons.jsonl]}}\n")
    done = thriftune(tmp_path, "teach", "recipe.yaml")
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr
