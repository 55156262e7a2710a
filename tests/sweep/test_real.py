"""Toy studies with real workers: a tiny student is trained and its answers are run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from thriftune.runs import read_lines

sys.path.insert(0, str(Path(__file__).parent))
import toy

TWELVE = "space: {train.rank: [2, 4, 8], train.learning_rate: [1.0e-3, 2.0e-3]}\nseeds: [1, 2]\n"
TWELVE += "settings: {train.modality: lora}"
FEW = "space: {train.modality: [full, lora]}\nseeds: [1]\nablation: {modalities: [full], seeds: [1]}\nshots: [2]"


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "thriftune.cli", *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "said.txt").open("a") as said:
        return subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, text=True, env=environment)


def finish(folder: Path, *words: str) -> None:
    code = start(folder, *words).wait(timeout=280)
    assert code == 0, (folder / "said.txt").read_text()[-3000:]


def records(file: Path) -> list[dict]:
    return [record for _, record in read_lines(file)] if file.exists() else []


def test_a_study_trains_its_trials_once_and_is_tabulated_without_training(tmp_path):
    toy.write(tmp_path, FEW, student=True)
    finish(tmp_path, "study", "recipe.yaml", "--jobs", "2")
    found = {record["id"]: record for record in records(tmp_path / "runs" / "toy-study" / "trials.jsonl")}
    assert len(found) == 5 and {record["status"] for record in found.values()} == {"done"}
    dss = next(r for r in found.values() if r["id"] in {x.get("like") for x in found.values()})
    like = next(r for r in found.values() if r.get("like"))
    alone = next(r for r in found.values() if r["overrides"].get("train.objective") == "label_only" and "like" not in r)
    tokens = [record["train"]["processed_tokens"] for record in (dss, alone, like)]
    assert tokens[1] < tokens[0] and abs(tokens[2] - tokens[0]) < tokens[1] / alone["train"]["steps"]
    assert like["train"]["steps"] > dss["train"]["steps"] == alone["train"]["steps"] == 4
    assert all(len(record["verdicts"]["execution_match"]) == 3 for record in found.values())
    before = (tmp_path / "runs" / "toy-study" / "trials.jsonl").read_bytes()
    finish(
        tmp_path, "study", "recipe.yaml", "--tables", "--records", "runs/toy-study/trials.jsonl", "--out", "elsewhere"
    )
    assert (tmp_path / "runs" / "toy-study" / "trials.jsonl").read_bytes() == before
    assert "The paper's findings" in (tmp_path / "elsewhere" / "report.md").read_text()
    assert not (tmp_path / "elsewhere" / "trials").exists(), "nothing is trained for tables"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_kills_of_the_driver_lose_no_result_and_repeat_none(tmp_path):
    toy.write(tmp_path, TWELVE, student=True)
    file, chance, seen = tmp_path / "runs" / "toy-study" / "trials.jsonl", random.Random(int(time.time())), []
    for _ in range(10):
        driver = start(tmp_path, "sweep", "recipe.yaml", "--jobs", "2")
        time.sleep(chance.uniform(0.5, 16))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        now = [record["id"] for record in records(file)]
        assert now[: len(seen)] == seen, "a record was lost"
        seen = now
    finish(tmp_path, "sweep", "recipe.yaml", "--jobs", "2")
    ended = records(file)
    assert len(ended) == len({record["id"] for record in ended}) == 12
    assert {record["status"] for record in ended} == {"done"}
    assert not _workers(tmp_path), "workers outlived their drivers"


def _workers(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if "thriftune.sweep.worker" in command and str(folder) in command:
                found.append(command)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_ray_cluster_gives_the_same_scores_and_a_killed_worker_costs_nothing(tmp_path):
    pytest.importorskip("ray")
    toy.write(tmp_path, "space: {train.rank: [2, 4]}\nseeds: [1, 2]\nsettings: {train.modality: lora}", student=True)
    finish(tmp_path, "sweep", "recipe.yaml", "--out", "here")
    driver = start(tmp_path, "sweep", "recipe.yaml", "--out", "there", "--ray", "local")
    killed = _kill_one_ray_worker(tmp_path / "there", driver)
    assert driver.wait(timeout=400) == 0, (tmp_path / "said.txt").read_text()[-3000:]
    here, there = ({r["id"]: r for r in records(tmp_path / name / "trials.jsonl")} for name in ("here", "there"))
    assert killed and here.keys() == there.keys() and len(here) == 4
    for key, record in here.items():
        for metric in ("execution_match", "label_loss", "rationale_loss"):
            assert json.dumps(record["scores"][metric]) == json.dumps(there[key]["scores"][metric])
        assert record["verdicts"] == there[key]["verdicts"]


def _kill_one_ray_worker(folder: Path, driver: "subprocess.Popen[str]") -> int:
    """Kill the parent of the first trial's process when its training has begun; return its process id."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and driver.poll() is None:
        for process in Path("/proc").iterdir():
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if b"thriftune.sweep.worker" not in command or parent <= 1:
                continue
            trial = Path(command[-2].decode())
            if trial.is_relative_to(folder) and (trial / "metrics.jsonl").exists():
                os.kill(parent, signal.SIGKILL)
                return parent
        time.sleep(0.02)
    return 0
