"""A pilot with a tiny student, and the arithmetic of its page."""

import math
import random

import pytest

from thriftune.files import read_lines
from thriftune.plan.curve import fitted
from thriftune.plan.page import rated
from thriftune.plan.pilot import sizes
from thriftune.recipe import Recipe, load
from thriftune.testing import tiny

pytestmark = pytest.mark.slow  # minutes on two cores

RECIPE = {"name": "x", "task": {"collections": {"films": {"demo": "films"}}}, "teacher": {"lessons": ["demo:films"]}}


def losses(lessons, exponent, noise, questions=50):
    chance = random.Random(lessons)
    return [2 * lessons**-exponent * math.exp(chance.gauss(0, noise)) for _ in range(questions)]


def test_a_power_law_is_found_again_and_its_interval_holds_it():
    curve = fitted([(n, losses(n, 0.3, 0.05)) for n in (25, 50, 100, 200)], 400)
    assert curve.exponent.low <= 0.3 <= curve.exponent.high
    told = curve.losses[800]
    assert told.low <= told.value <= told.high and told.value == pytest.approx(2 * 800**-0.3, rel=0.05)
    assert curve.halving.value == pytest.approx(200 * 2 ** (1 / 0.3), rel=0.2)


def test_where_more_lessons_do_not_help_no_number_of_them_is_promised():
    curve = fitted([(n, losses(n, 0.0, 0.8)) for n in (25, 50, 100)], 100)
    assert curve.exponent.low <= 0.01 and curve.halving is None


def test_one_point_is_no_curve():
    assert fitted([(25, [1.0])], 25) is None


def test_sizes_double_within_their_time_and_are_two_at_least():
    assert sizes(1000, seconds_per_example=0.1, minutes=1) == [25, 50, 100, 200]
    assert sizes(1000, seconds_per_example=100, minutes=1) == [25, 50]
    assert sizes(10, seconds_per_example=0.1, minutes=1) == [10]


def test_hours_dollars_and_pareto_optimal_rows():
    recipe = Recipe.model_validate({**RECIPE, "train": {"epochs": 2}, "plan": {"hourly_usd": 3}})
    plain = {"minutes": 1.0, "label_loss": 1.0, "seconds_per_example": 2.0, "predicted_bytes": 10}
    other = {"label_loss": 0.5, "predicted_bytes": 20}
    trials = [plain, {**plain, **other}, {**plain, "label_loss": 1.1}, {**plain, "minutes": None}]
    rows = rated(trials, recipe, 900)
    assert [row.pareto for row in rows] == [True, True, False]
    assert rows[0].hours == 1.0 and rows[0].usd == 3.0


YAML = """
name: small
task:
  kind: json_schema
  schemas: {{support: {{demo: support}}}}
teacher: {{lessons: [demo:support]}}
student: {{model: {student}}}
train: {{precision: fp32, rank: 4, batch: 4, learning_rate: 1.0e-3}}
evaluate: {{batch: 2, max_new_tokens: 8}}
plan: {{memory: 4GB, hourly_usd: 1}}
"""


def test_each_modality_is_tried_on_the_users_lessons_and_nothing_twice(tmp_path):
    from thriftune.road import pilot

    (tmp_path / "recipe.yaml").write_text(YAML.format(student=tiny.save(tmp_path / "student")))
    recipe = load(tmp_path / "recipe.yaml")
    _, trials, text = pilot(recipe, tmp_path / "run", 0.03)
    assert [trial["modality"] for trial in trials[:3]] == ["full", "lora", "qlora"]
    assert [trial["lessons"] for trial in trials[3:]] == [25, 50]
    for trial in trials:
        assert trial["label_loss"] > 0 and trial["seconds_per_example"] > 0
        assert trial["measured_tensor_bytes"] <= 1.05 * trial["predicted_tensor_bytes"]
    assert "Recommended" in text and "Pareto-optimal" in text and "USD" in text and "Fitted" in text
    before = (tmp_path / "run" / "pilot.jsonl").read_bytes()
    assert len(list(read_lines(tmp_path / "run" / "pilot.jsonl"))) == 5
    pilot(recipe, tmp_path / "run", 0.03)
    assert (tmp_path / "run" / "pilot.jsonl").read_bytes() == before
