"""The driver: everything once, in order, whatever happens to trials, to the driver and to the file of records."""

import json
import shutil
import sys
import time
from pathlib import Path

import pytest

from thriftune.errors import InputError, RunError
from thriftune.files import read_lines
from thriftune.progress import Progress

sys.path.insert(0, str(Path(__file__).parent))
import toy

from thriftune.sweep import executor as executors
from thriftune.sweep.check import check
from thriftune.sweep.conduct import conduct, tabulate
from thriftune.sweep.drive import drive
from thriftune.sweep.folder import Folder
from thriftune.sweep.plan import grid_points

SPACE = "space: {train.rank: [2, 4, 8]}\nablation: {modalities: [full], seeds: [1]}\nshots: [0]"


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A recipe and a study's folder with its dataset made, which starts an engine once for all tests."""
    path = tmp_path_factory.mktemp("toy")
    recipe = toy.recipe(path, SPACE)
    folder = Folder(path / "study")
    folder.prepare(grid_points(recipe)[0].trial, None)
    return recipe, path


@pytest.fixture
def study(ready, tmp_path):
    recipe, path = ready
    shutil.copytree(path / "study" / "shared", tmp_path / "study" / "shared")
    return recipe, Folder(tmp_path / "study")


def ids(folder: Folder) -> list[str]:
    return [record["id"] for _, record in read_lines(folder.file)]


def test_every_trial_is_done_once_and_a_second_start_does_nothing(study):
    recipe, folder = study
    first, second = toy.Pretended(), toy.Pretended()
    outcome = conduct("sweep", recipe, folder, first)
    assert len(first.started) == 3 and not outcome.failed and not outcome.left
    conduct("sweep", recipe, Folder(folder.path), second)
    assert second.started == [] and len(ids(folder)) == len(set(ids(folder))) == 3


def test_records_hold_what_tables_need(study):
    recipe, folder = study
    conduct("sweep", recipe, folder, toy.Pretended())
    record = next(iter(folder.records.values()))
    assert record["verdicts"]["execution_match"].count("1") == 3 and record["train"]["peak_bytes"] > 0
    assert record["versions"]["thriftune"] and record["cores"] and record["overrides"] == {"train.rank": 2}
    assert not (folder.path / "trials" / record["id"] / "model").exists()


def test_a_torn_line_costs_the_record_in_flight_alone(study):
    recipe, folder = study
    conduct("sweep", recipe, folder, toy.Pretended())
    content = folder.file.read_bytes()
    folder.file.write_bytes(content[:-20])
    again = toy.Pretended()
    conduct("sweep", recipe, Folder(folder.path), again)
    assert len(again.started) == 1 and len(set(ids(folder))) == len(ids(folder)) == 3


def test_what_fails_is_a_record_and_the_others_go_on(study):
    recipe, folder = study
    outcome = conduct("sweep", recipe, folder, toy.Pretended(codes={1: 2}))
    statuses = [record["status"] for record in folder.records.values()]
    assert statuses == ["done", "failed", "done"] and len(outcome.failed) == 1
    assert folder.records[outcome.failed[0]]["reason"] == "ValueError: too large"
    assert "too large" in (folder.path / "report.md").read_text()
    still = toy.Pretended()
    conduct("sweep", recipe, Folder(folder.path), still)
    assert still.started == [], "a failed trial is done again when it is asked for"
    outcome = conduct("sweep", recipe, Folder(folder.path), toy.Pretended(), again=True)
    assert outcome.failed == [] and len(ids(folder)) == 4


def test_a_killed_worker_is_taken_up_again_and_gives_up_in_the_end(study):
    recipe, folder = study
    executor = toy.Pretended(codes={0: -9})
    conduct("sweep", recipe, folder, executor)
    assert [record["status"] for record in folder.records.values()] == ["done"] * 3 and len(executor.started) == 4
    other = Folder(folder.path / "other")
    shutil.copytree(folder.path / "shared", other.path / "shared")
    conduct("sweep", recipe, other, toy.Pretended(codes={0: -9, 1: -9}))
    assert [record["status"] for record in other.records.values()] == ["crashed", "done", "done"]


def test_label_only_at_equal_compute_gets_the_tokens_of_dss(study):
    recipe, folder = study
    executor = toy.Pretended(slots=3)
    conduct("ablation", recipe, folder, executor)
    assert executor.budgets == [None, None, 900]


def test_what_depends_on_a_failed_trial_is_left_and_told(study):
    recipe, folder = study
    outcome = conduct("ablation", recipe, folder, toy.Pretended(codes={0: 2}))
    assert len(outcome.failed) == 1 and len(outcome.left) == 1


def test_two_drivers_do_not_work_on_one_file(study):
    _, folder = study
    with folder.alone(), pytest.raises(RunError, match="another thriftune"), Folder(folder.path).alone():
        pass


def test_files_of_two_machines_are_merged_each_trial_once(study, tmp_path):
    recipe, folder = study
    conduct("sweep", recipe, folder, toy.Pretended())
    lines = folder.file.read_text().splitlines(keepends=True)
    (tmp_path / "here.jsonl").write_text("".join(lines[:2]))
    (tmp_path / "there.jsonl").write_text("".join(lines[1:]))
    here = Folder(tmp_path / "elsewhere", tmp_path / "here.jsonl")
    with here.alone():
        assert here.merge(tmp_path / "there.jsonl") == 1
    assert sorted(ids(here)) == sorted(json.loads(line)["id"] for line in lines)
    outcome = tabulate("sweep", recipe, here)
    assert not outcome.left and "3 of 3 trials done" in outcome.text


def test_a_file_that_holds_no_trials_is_refused(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match=r"t\.jsonl:1: no record of a trial"):
        Folder(tmp_path, tmp_path / "t.jsonl")


def test_the_study_writes_its_page_and_judges_the_findings(study):
    recipe, folder = study
    outcome = conduct("study", recipe, folder, toy.Pretended(slots=2))
    assert set(outcome.findings) == {"F1", "F2", "F3", "F4"}
    page = (folder.path / "report.html").read_text()
    assert "<svg" in page and 'class="not decided"' in page and "http" not in page
    text = (folder.path / "report.md").read_text()
    for title in ("The paper's findings", "Best of each modality", "Search and presets", "Without fine-tuning"):
        assert title in text


class Wrong(toy.Pretended):
    """Whatever is asked for comes out as another trial would."""

    def start(self, folder, modality):
        super().start(folder, modality)
        scores = json.loads((folder / "scores.json").read_text())
        scores["tuned"]["label_loss"]["value"] *= 1.5
        (folder / "scores.json").write_text(json.dumps(scores))


def test_check_tells_a_record_that_holds_from_one_that_does_not(study):
    recipe, folder = study
    recipe = recipe.model_copy(update={"study": recipe.study.model_copy(update={"shots": ()})})
    conduct("study", recipe, folder, toy.Pretended())
    before = folder.file.read_bytes()
    assert check("study", recipe, folder, toy.Pretended(), seed=1).holds
    assert not check("study", recipe, folder, Wrong(), seed=1).holds
    assert folder.file.read_bytes() == before


def test_the_local_executor_tells_how_a_worker_ended(tmp_path, monkeypatch):
    script = "import sys, os, signal, time; what = os.path.basename(sys.argv[1])\n"
    script += "os.kill(os.getpid(), 9) if what == 'killed' else sys.exit(7) if what == 'seven' else time.sleep(60)"
    monkeypatch.setattr(executors, "COMMAND", [sys.executable, "-c", script])
    local = executors.Local(3)
    folders = [tmp_path / name for name in ("killed", "seven", "sleeps")]
    for folder in folders:
        folder.mkdir()
        local.start(folder, "full")
    codes: dict[str, int] = {}
    deadline = time.monotonic() + 30
    while len(codes) < 2 and time.monotonic() < deadline:
        for folder in folders[:2]:
            if folder.name not in codes and (code := local.ended(folder)) is not None:
                codes[folder.name] = code
        time.sleep(0.05)
    assert codes == {"killed": -9, "seven": 7} and local.ended(folders[2]) is None
    local.close()


def test_a_driver_without_a_plan_ends(study):
    recipe, folder = study
    assert drive(folder, lambda records: [], recipe.study, toy.Pretended(), Progress("x")) == []
