"""The whole road through the command line with a tiny real student, the real engine and real lessons."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thriftune.files import read_lines
from thriftune.testing import tiny

RECIPE = """
name: tiny
task:
  collections:
    films: {{mapping: mapping.json, documents: documents.jsonl}}
teacher:
  lessons: [lessons.jsonl]
dataset: {{test: 0.3, valid: 0.1}}
student: {{model: {student}}}
train:
  {{modality: {modality}, rank: 4, batch: 4, epochs: 2, learning_rate: 1.0e-3, precision: fp32,
    checkpoint_minutes: 0.0001}}
evaluate: {{max_new_tokens: 16, bootstrap: 200}}
"""
GENRES = ["Horror", "Comedy", "Drama", "War", "Crime", "Family", "Western", "Musical", "Mystery", "Sport"]


def write_inputs(folder: Path, kind: str = "causal", modality: str = "full") -> Path:
    student = tiny.save(folder / "student", kind)
    (folder / "recipe.yaml").write_text(RECIPE.format(student=student, modality=modality))
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
    return folder


def thriftune(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "thriftune.cli", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, env=environment)


@pytest.mark.parametrize(("kind", "modality"), [("causal", "lora"), ("seq2seq", "full")])
def test_one_command_travels_the_road_and_a_second_does_nothing_again(tmp_path, kind, modality):
    folder = write_inputs(tmp_path, kind, modality)
    first = thriftune(folder, "run", "recipe.yaml")
    assert first.returncode == 0, first.stderr
    run = folder / "runs" / "tiny"
    manifest = json.loads((run / "manifest.json").read_text())
    assert {name: stage["status"] for name, stage in manifest["stages"].items()} == dict.fromkeys(
        ("teach", "dataset", "train", "evaluate", "report"), "done"
    )
    figures = manifest["stages"]["train"]["figures"]
    assert figures["steps"] == 6 and figures["peak_bytes"] > 0 and figures["trainable_parameters"] > 0
    scores = json.loads((run / "scores.json").read_text())
    for who in ("base", "tuned"):
        cell = scores[who]["execution_match"]
        assert cell["n"] == 3 and 0 <= cell["low"] <= cell["value"] <= cell["high"] <= 1
        assert scores[who]["constrained"] is True and scores[who]["gold_refused"] == 0
        assert scores[who]["label_loss"]["value"] > 0 and scores[who]["rationale_loss"]["n"] == 3
    assert scores["tuned"]["label_loss"]["value"] < scores["base"]["label_loss"]["value"], (
        "two epochs must lower the loss"
    )
    assert "report.html" in first.stdout and "execution match" in first.stdout
    before = {
        path: path.stat().st_mtime_ns
        for path in run.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", ".lock")
    }
    second = thriftune(folder, "run", "recipe.yaml")
    assert second.returncode == 0 and second.stderr.count("not done again") == 5
    assert {path: path.stat().st_mtime_ns for path in before} == before


SQL = """
name: tiny-sql
task: {{kind: sql, databases: {{films: {{file: films.db}}}}}}
teacher: {{lessons: [lessons.jsonl]}}
dataset: {{test: 0.3, valid: 0.1}}
student: {{model: {student}}}
train: {{batch: 4, max_steps: 2, learning_rate: 1.0e-3, precision: fp32, vocabulary: domain}}
evaluate: {{max_new_tokens: 16, bootstrap: 200}}
"""


def test_the_same_road_leads_to_sql_on_a_file_of_ones_own(tmp_path):
    (tmp_path / "recipe.yaml").write_text(SQL.format(student=tiny.save(tmp_path / "student")))
    with sqlite3.connect(tmp_path / "films.db") as connection:
        connection.execute("CREATE TABLE films (genre TEXT, year INTEGER)")
        connection.executemany("INSERT INTO films VALUES (?, ?)", [(g, 1990 + n) for n, g in enumerate(GENRES * 2)])
    connection.close()
    content = (tmp_path / "films.db").read_bytes()
    lessons = [
        {
            "id": f"l{n}",
            "collection": "films",
            "questions": [f"how many films of the kind {genre}?", f"count {genre}, {n} times asked"],
            "response": f"<rationale>{genre} equals genre; rows are counted.</rationale>"
            f"<answer>SELECT count(*) FROM films WHERE genre = '{genre}'</answer>",
        }
        for n, genre in enumerate([*GENRES, "Polka"])
    ]
    (tmp_path / "lessons.jsonl").write_text("".join(json.dumps(lesson) + "\n" for lesson in lessons))
    first = thriftune(tmp_path, "run", "recipe.yaml")
    assert first.returncode == 0, first.stderr
    run = tmp_path / "runs" / "tiny-sql"
    manifest = json.loads((run / "manifest.json").read_text())
    assert {stage["status"] for stage in manifest["stages"].values()} == {"done"}
    taught = manifest["stages"]["teach"]["figures"]
    assert taught["kept"] == 20 and taught["rejected"] == {"empty_result": 2}
    assert json.loads((run / "scores.json").read_text())["tuned"]["execution_match"]["n"] == 3
    assert "valid queries" in (run / "report.md").read_text()
    second = thriftune(tmp_path, "run", "recipe.yaml")
    assert second.returncode == 0 and second.stderr.count("not done again") == 5
    assert (tmp_path / "films.db").read_bytes() == content
    with sqlite3.connect(tmp_path / "films.db") as connection:
        connection.execute("INSERT INTO films VALUES ('Polka', 2000)")
    connection.close()
    third = thriftune(tmp_path, "teach", "recipe.yaml")
    assert third.returncode == 0 and "not done again" not in third.stderr, "the database has changed"


def test_a_changed_key_repeats_only_what_depends_on_it(tmp_path):
    folder = write_inputs(tmp_path)
    assert thriftune(folder, "run", "recipe.yaml").returncode == 0
    again = thriftune(folder, "run", "recipe.yaml", "evaluate.max_new_tokens=8")
    assert again.returncode == 0 and again.stderr.count("not done again") == 3, again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_several_processes_train_and_one_goes_on(tmp_path, parallel):
    folder = write_inputs(tmp_path)
    two = (
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "thriftune.cli",
    )

    def together(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.run([*two, *words], cwd=folder, capture_output=True, text=True, timeout=280, env=environment)

    refused = together("run", "recipe.yaml")
    assert refused.returncode != 0 and "several processes can only train" in refused.stderr
    assert thriftune(folder, "teach", "recipe.yaml").returncode == 0
    trained = together("train", "recipe.yaml", f"train.parallel={parallel}")
    assert trained.returncode == 0, trained.stderr
    figures = json.loads((folder / "runs/tiny/manifest.json").read_text())["stages"]["train"]["figures"]
    assert figures["processes"] == 2 and figures["steps"] == 6
    assert trained.stdout.count("manifest ") == 1, "rank 0 alone tells"
    again = together("train", "recipe.yaml", f"train.parallel={parallel}")
    assert again.returncode == 0 and "not done again" in again.stderr
    rest = thriftune(folder, "run", "recipe.yaml", f"train.parallel={parallel}")
    assert rest.returncode == 0, rest.stderr


def test_a_training_killed_by_force_goes_on_where_it_was(tmp_path):
    folder = write_inputs(tmp_path)
    assert thriftune(folder, "run", "recipe.yaml", "--out", "whole").returncode == 0
    command = [sys.executable, "-m", "thriftune.cli", "run", "recipe.yaml", "--out", "killed"]
    process = subprocess.Popen(
        command, cwd=folder, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    checkpoint = folder / "killed" / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = thriftune(folder, "run", "recipe.yaml", "--out", "killed")
    assert done.returncode == 0, done.stderr
    losses = {
        name: [metric["loss"] for _, metric in read_lines(folder / name / "metrics.jsonl")]
        for name in ("whole", "killed")
    }
    assert losses["whole"] == losses["killed"]
    weights = [(folder / name / "model" / "model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert weights[0] == weights[1]
