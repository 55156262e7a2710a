"""The space, ids, and what is planned."""

import sys
from pathlib import Path

import pytest

from thriftune.errors import RecipeError
from thriftune.recipe import changed, load

sys.path.insert(0, str(Path(__file__).parent))
import toy

from thriftune.sweep import plan
from thriftune.sweep.space import PRESETS, grid
from thriftune.sweep.trial import base, tuned

CONDITIONAL = """
space:
  train.modality: [full, lora]
  train.rank: {values: [2, 4], when: {train.modality: [lora]}}
  train.learning_rate: [1.0e-3, 2.0e-3]
"""


def test_a_condition_that_does_not_hold_leaves_the_key_alone(tmp_path):
    points = grid(toy.recipe(tmp_path, CONDITIONAL))
    full = [point for point in points if point["train.modality"] == "full"]
    assert len(points) == 6 and len(full) == 2 and not any("train.rank" in point for point in full)


def test_the_default_space_is_the_papers_question(tmp_path):
    points = grid(toy.recipe(tmp_path, "seeds: [1]"))
    assert {(p["train.rank"], p["train.alpha_ratio"]) for p in points} == {
        (rank, ratio) for rank in (8, 32, 128) for ratio in (1.0, 2.0, 4.0, 8.0)
    }


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_recipe_keys(tmp_path, name):
    made = changed(toy.recipe(tmp_path, "seeds: [1]"), PRESETS[name]).train
    assert made.lora_alpha == 4 * made.rank and made.targets == PRESETS[name]["train.targets"]


def test_an_id_is_the_content_not_the_way_it_was_asked_for(tmp_path):
    recipe = toy.recipe(tmp_path, "seeds: [1]")
    same = [tuned(recipe, {"train.rank": 4}, 1).id, tuned(recipe, {}, 1).id, tuned(recipe, {"train.alpha": None}, 1).id]
    assert len(set(same)) == 1
    others = [
        tuned(recipe, {}, 2).id,
        tuned(recipe, {"train.rank": 8}, 1).id,
        tuned(recipe, {}, 1, like="x").id,
        tuned(recipe, {"dataset.seed": 1}, 1).id,
        base(recipe, 0).id,
        base(recipe, 1).id,
    ]
    assert len({*same, *others}) == 7


def test_an_id_is_the_same_in_another_folder_until_a_file_changes(tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    ids = [tuned(toy.recipe(folder, "seeds: [1]"), {}, 1).id for folder in folders]
    assert ids[0] == ids[1]
    with (folders[1] / "documents.jsonl").open("a") as file:
        file.write('{"genre": "Polka", "year": 1900}\n')
    from thriftune.sweep import trial

    trial._dataset_id.cache_clear()
    assert tuned(load(folders[1] / "recipe.yaml"), {}, 1).id != ids[0]


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"train.ranks": 2}, "did you mean train.rank?"),
        ({"train.modality": "dora"}, "train.modality"),
        ({"train.seed": 3}, "study.seeds"),
        ({"study.best": 3}, "cannot be varied"),
        ({"train.rank.low": 3}, "rank is not a section"),
    ],
)
def test_a_wrong_override_is_told_in_the_users_spelling(tmp_path, overrides, told):
    with pytest.raises(RecipeError, match=told.replace("?", r"\?")):
        tuned(toy.recipe(tmp_path, "seeds: [1]"), overrides, 1)


@pytest.mark.parametrize(
    ("study", "told"),
    [
        ("space: {train.rank: {low: 1, high: 8}}", "sampler: tpe"),
        ("{sampler: tpe, space: {train.rank: {low: 8, high: 1}}}", "low below high"),
        ("{sampler: tpe, space: {train.rank: {low: 0, high: 1, log: true}}}", "above 0"),
        ("objectives: [seconds]", "must hold quality"),
        ("spice: {}", "did you mean study.space"),
    ],
)
def test_faults_of_the_section_are_told(tmp_path, study, told):
    with pytest.raises(RecipeError, match=told):
        toy.recipe(tmp_path, study)


def test_the_first_seed_of_every_cell_comes_first_and_equal_compute_follows_dss(tmp_path):
    rows = plan.ablation(toy.recipe(tmp_path, "ablation: {seeds: [5, 6]}"))
    assert len(rows) == 18 and [each.row["seed"] for each in rows] == [5] * 9 + [6] * 9
    cells = {(e.row["modality"], e.row["seed"], e.row["objective"], e.row["compute"]): e.trial for e in rows}
    for (modality, seed, _, compute), trial in cells.items():
        if compute == "tokens":
            assert trial.like == cells[modality, seed, "dss", "steps"].id
            assert trial.id != cells[modality, seed, "label_only", "steps"].id


def test_the_best_are_repeated_when_all_others_have_ended(tmp_path):
    recipe = toy.recipe(tmp_path, "space: {train.rank: [2, 4, 8]}\nbest: 2\nbest_seeds: [1, 2, 3]")
    points = plan.grid_points(recipe)
    records = {p.trial.id: record(p.trial.id, p.row["train.rank"] / 10) for p in points[:2]}
    assert len(plan.sweep(recipe, points, records)) == 3
    records[points[2].trial.id] = {"id": points[2].trial.id, "status": "failed"}
    again = plan.sweep(recipe, points, records)[3:]
    assert [(each.row["train.rank"], each.row["seed"]) for each in again] == [(4, 2), (2, 2), (4, 3), (2, 3)]


def record(key: str, quality: float) -> dict:
    return {"id": key, "status": "done", "scores": {"execution_match": {"value": quality}}}


def test_fewer_lessons_take_as_many_steps(tmp_path):
    rows = plan.lessons(toy.recipe(tmp_path, "lessons: [4, 8]"))
    for each in rows:
        settings = each.trial.recipe.train
        assert settings.epochs * settings.lessons >= settings.max_steps * settings.batch


def test_the_file_of_trials_lies_beside_the_recipe(tmp_path):
    assert toy.recipe(tmp_path, "records: found/trials.jsonl").study.records == str(tmp_path / "found" / "trials.jsonl")


def test_the_replication_begins_with_the_thirty_runs_that_judge_the_findings():
    recipe = load(Path(__file__).parents[2] / "recipes" / "films-study.yaml")
    planned = plan.study(recipe, plan.grid_points(recipe), {})
    order = list(dict.fromkeys(each.trial.id for each in planned))
    steps = {e.trial.id for e in planned if e.group == "ablation" and e.row["compute"] == "steps"}
    points = {e.trial.id for e in planned if e.group == "sweep"}
    assert (len(steps), len(points), len(steps | points)) == (18, 12, 29), "rank 32 at 4:1 is in both"
    assert set(order[:31]) - {e.trial.id for e in planned if e.group == "baseline"} == steps | points
    cells = {(each.row["modality"], each.row["objective"]) for each in planned[:6]}
    assert len(cells) == 6 and {each.row["seed"] for each in planned[:6]} == {1}
