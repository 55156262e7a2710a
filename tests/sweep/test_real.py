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

from thriftune.files import read_lines

sys.path.insert(0, str(Path(__file__).parent))
import toy

TWELVE = "space: {train.rank: [2, 4, 8], train.learning_rate: [1.0e-3, 2.0e-3]}\nseeds: [1, 2]\n"
TWELVE += "settings: {train.modality: lora}"
FEW = "space: {train.modality: [full, lora]}\nseeds: [1]\nablation: {modalities: [full], seeds: [1]}\nshots: [2]"


def start(folder: Path, *words: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "thriftune.cli", *words]
    # Ray Train gives its workers a minute to start, which a busy machine may not
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600"}
    with (folder / "said.txt").open("a") as said:
        return subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, text=True, env=environment)


def finish(folder: Path, *words: str) -> None:
    assert ended(start(folder, *words)) == 0, (folder / "said.txt").read_text()[-3000:]


def ended(process: "subprocess.Popen[str]") -> int:
    """Wait for the process and return its exit code; it never outlives its test."""
    try:
        return process.wait(timeout=3000)
    finally:
        process.kill()


def records(file: Path) -> list[dict]:
    return [record for _, record in read_lines(file)] if file.exists() else []


@pytest.mark.timeout(3600)
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
    (tmp_path / "said.txt").unlink()
    finish(tmp_path, "study", "recipe.yaml", "study.records=runs/toy-study/trials.jsonl", "--out", "elsewhere")
    said = (tmp_path / "said.txt").read_text()
    assert "| modality |" in said and "5 of 5 trials done" in said
    assert (tmp_path / "runs" / "toy-study" / "trials.jsonl").read_bytes() == before
    assert "The paper's findings" in (tmp_path / "elsewhere" / "report.html").read_text()
    assert not (tmp_path / "elsewhere" / "trials").exists(), "nothing is trained for tables"


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    """A study of twelve trials whose driver was killed ten times, and the ids that were recorded at each kill."""
    folder = tmp_path_factory.mktemp("twelve")
    toy.write(folder, TWELVE, student=True)
    chance, seen = random.Random(), []
    for _ in range(10):
        driver = start(folder, "sweep", "recipe.yaml", "--jobs", "2", "--out", "here")
        time.sleep(chance.uniform(0.5, 20))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        seen.append([record["id"] for record in records(folder / "here" / "trials.jsonl")])
    finish(folder, "sweep", "recipe.yaml", "--jobs", "2", "--out", "here")
    return folder, seen


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_kills_of_the_driver_lose_no_result_and_repeat_none(twelve):
    folder, seen = twelve
    found = records(folder / "here" / "trials.jsonl")
    ids = [record["id"] for record in found]
    assert all(ids[: len(before)] == before for before in seen), "a record was lost"
    assert len(ids) == len(set(ids)) == 12 and {record["status"] for record in found} == {"done"}
    assert not _workers(folder), "workers outlived their drivers"


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
@pytest.mark.timeout(3600)
def test_two_ray_workers_give_the_same_scores_and_a_killed_one_costs_nothing(twelve):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'thriftune[ray]'")
    folder, _ = twelve
    driver = start(folder, "sweep", "recipe.yaml", "--out", "there", "--ray", "local")
    killed = _kill_one_ray_worker(folder / "there", driver)
    assert ended(driver) == 0, (folder / "said.txt").read_text()[-3000:]
    here, there = ({r["id"]: r for r in records(folder / name / "trials.jsonl")} for name in ("here", "there"))
    assert killed and here.keys() == there.keys() and len(records(folder / "there" / "trials.jsonl")) == 12
    for key, record in here.items():
        for metric in ("execution_match", "label_loss", "rationale_loss"):
            assert json.dumps(record["scores"][metric]) == json.dumps(there[key]["scores"][metric])
        assert record["verdicts"] == there[key]["verdicts"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_workers_of_ray_train_are_one_process(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'thriftune[ray]'")
    toy.write(tmp_path, FEW, student=True)
    for name in ("alone", "together"):
        finish(tmp_path, "teach", "recipe.yaml", "--out", name)
    finish(tmp_path, "train", "recipe.yaml", "--out", "alone")
    finish(tmp_path, "train", "recipe.yaml", "--out", "together", "--ray", "local", "--workers", "2")
    assert (
        json.loads((tmp_path / "together" / "manifest.json").read_text())["stages"]["train"]["figures"]["processes"]
        == 2
    )
    alone, together = (records(tmp_path / name / "metrics.jsonl") for name in ("alone", "together"))
    assert len(alone) == len(together) == 4
    for one, two in zip(alone, together, strict=True):
        for key in ("loss", "label_loss", "rationale_loss"):
            assert two[key] == pytest.approx(one[key], abs=1e-5)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_what_a_user_did_wrong_is_told_as_without_ray(tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'thriftune[ray]'")
    toy.write(tmp_path, FEW, student=True)
    code = ended(start(tmp_path, "train", "recipe.yaml", "--ray", "local"))
    said = (tmp_path / "said.txt").read_text()
    assert code == 2 and "thriftune run RECIPE" in said.splitlines()[-1], said[-3000:]


def _kill_one_ray_worker(folder: Path, driver: "subprocess.Popen[str]") -> int:
    """Kill the parent of the first trial's process when its training has begun; return its process id."""
    deadline = time.monotonic() + 300
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
