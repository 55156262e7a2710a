"""TPE asks by Optuna; its journal and the records agree after any stop."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import toy

pytest.importorskip("optuna")

from thriftune.sweep.search import Tpe

STUDY = """
sampler: tpe
trials: 6
space:
  train.modality: [full, lora]
  train.rank: {low: 2, high: 64, log: true, whole: true, when: {train.modality: [lora]}}
  train.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
  train.targets: [all-linear, [q_proj, v_proj]]
seeds: [1, 2]
"""


def record(planned) -> dict:
    settings = planned.trial.recipe.train
    scores = {"execution_match": {"value": min(0.9, settings.rank / 100)}}
    train = {"peak_bytes": 1e9, "train_seconds": 5.0}
    key, overrides = planned.trial.id, dict(planned.trial.overrides)
    return {"id": key, "status": "done", "overrides": overrides, "seed": 1, "scores": scores, "train": train}


def search_through(recipe, folder, records, slots=1) -> None:
    while True:
        plan = Tpe(recipe, folder, slots)(records)  # a new one each time: as after a kill
        left = [each for each in plan if each.trial.id not in records]
        if not left:
            return
        records[left[0].trial.id] = record(left[0])


def test_a_search_stopped_after_every_trial_asks_for_exactly_so_many_points(tmp_path):
    recipe, records = toy.recipe(tmp_path, STUDY), {}
    search_through(recipe, tmp_path / "s", records)
    plan = Tpe(recipe, tmp_path / "s", 0)(records)
    points = {tuple(map(str, each.trial.overrides.items())) for each in plan}
    assert len(plan) == 12 and len(points) == 6 and len(records) == 12
    for each in plan:
        overrides = each.trial.overrides
        assert ("train.rank" in overrides) == (overrides["train.modality"] == "lora")
        assert 1e-4 <= overrides["train.learning_rate"] <= 1e-2


def test_an_empty_journal_is_filled_from_records(tmp_path):
    recipe, records = toy.recipe(tmp_path, STUDY), {}
    search_through(recipe, tmp_path / "one", records)
    assert {e.trial.id for e in Tpe(recipe, tmp_path / "two", 2)(records)} == set(records)


def test_a_failed_trial_is_told_as_failed(tmp_path):
    recipe = toy.recipe(tmp_path, STUDY)
    first = Tpe(recipe, tmp_path / "s", 1)({})
    records = {each.trial.id: {"id": each.trial.id, "status": "crashed"} for each in first}
    search = Tpe(recipe, tmp_path / "s", 1)
    search(records)
    assert [trial.state.name for trial in search._study.trials] == ["FAIL", "RUNNING"]


def test_no_slot_asks_for_nothing(tmp_path):
    assert Tpe(toy.recipe(tmp_path, STUDY), tmp_path / "s", 0)({}) == []
