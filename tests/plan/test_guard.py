"""What cannot fit is refused with changes that fit; what fits with smaller micro-batches is trained with them."""

import pytest

from thriftune.errors import DoesNotFit, RecipeError
from thriftune.plan.batches import Rows
from thriftune.plan.devices import Device
from thriftune.plan.guard import changes_that_fit, fitting, planned
from thriftune.plan.make import make_plan
from thriftune.plan.options import Asked
from thriftune.plan.text import data, table
from thriftune.recipe import Recipe, load
from thriftune.runs import Run

pytestmark = pytest.mark.slow  # minutes on two cores

RECIPE = {"name": "x", "task": {"collections": {"films": {"demo": "films"}}}, "teacher": {"lessons": ["demo:films"]}}


def recipe(**train):
    settings = {"precision": "fp32", "rank": 4, "batch": 4, "micro_tokens": 2048, **train}
    return Recipe.model_validate({**RECIPE, "train": settings, "evaluate": {"batch": 2, "max_new_tokens": 8}})


def device(size):
    return Device("a test", size, "cpu", False)


def needs(recipe, config, rows, micro_tokens=None):
    asked = Asked(config, rows.rows, recipe.train, device(1), None)
    return asked.option(
        recipe.train.modality, micro_tokens or recipe.train.micro_tokens, recipe.train.checkpointing
    ).bytes


@pytest.fixture
def rows(make_rows):
    return Rows(make_rows("causal", 4), "4 rows")


def test_what_fits_is_trained_as_it_is_asked(wide, rows):
    asked = Asked(wide, rows.rows, recipe().train, device(10**12), None)
    assert fitting(asked).micro_tokens == 2048


def test_smaller_micro_batches_are_taken_where_only_they_fit(wide, rows):
    whole, least = needs(recipe(), wide, rows), needs(recipe(), wide, rows, 1)
    assert least < whole
    found = fitting(Asked(wide, rows.rows, recipe().train, device((whole + least) // 2), None))
    assert found.fits and found.micro_tokens < 2048


def test_where_nothing_helps_two_changes_are_named_and_each_fits(wide, rows):
    least = needs(recipe(), wide, rows, 1)
    there = device(int(least * 0.55))
    asked = Asked(wide, rows.rows, recipe().train, there, None)
    assert fitting(asked) is None
    changes = changes_that_fit(recipe(), asked)
    assert len(changes) == 2
    for keys, _ in changes:
        changed = recipe(**{k.removeprefix("train."): v == "true" if v in ("true", "false") else v
                            for k, v in (key.split("=") for key in keys)})  # fmt: skip
        assert fitting(Asked(wide, rows.rows, changed.train, there, None)) is not None, keys


def test_the_table_says_what_fits_and_why(wide, rows):
    # with every knob turned LoRA fits and full precision does not
    full, lora = (needs(recipe(modality=name, checkpointing=True), wide, rows, 1) for name in ("full", "lora"))
    assert lora < full
    plan = make_plan(recipe(), wide, rows, device((full + lora) // 2), None)
    shown = table(plan)
    assert "too much" in shown and "left" in shown and "rule of thumb" in shown
    facts = data(plan)
    assert facts["choice"]["modality"] == "lora"
    assert {option["modality"] for option in facts["options"]} == {"full", "lora", "qlora"}
    for option in facts["options"]:
        assert option["tensor_bytes"] == sum(option["bytes_by_kind"].values())
        assert option["fits"] == (option["bytes"] <= plan.device.bytes)


def test_where_nothing_fits_the_table_says_so(wide, rows):
    plan = make_plan(recipe(), wide, rows, device(10**5), None)
    assert plan.choice is None and "Nothing fits" in table(plan)


YAML = """
name: wide
task:
  kind: json_schema
  schemas: {{support: {{demo: support}}}}
teacher: {{lessons: [demo:support]}}
student: {{model: {student}}}
train: {{precision: fp32, rank: 4, batch: 4, max_steps: 1, validations: 0, micro_tokens: 4096}}
evaluate: {{limit: 2, max_new_tokens: 4, bootstrap: 10, batch: 2}}
plan: {{memory: {memory}}}
"""


def read(folder, student, memory, *overrides):
    (folder / "recipe.yaml").write_text(YAML.format(student=student, memory=memory))
    return load(folder / "recipe.yaml", list(overrides))


@pytest.mark.slow
def test_run_refuses_what_cannot_fit_and_trains_what_it_names(tmp_path, wide_folder):
    """The road itself: refused with the table; with each change that it names it is planned and trained."""
    from thriftune.road import travel

    with pytest.raises(DoesNotFit) as refused:
        travel(read(tmp_path, wide_folder, "130MB"), tmp_path / "run", ("teach", "dataset", "train"))
    said = str(refused.value)
    assert "evaluation needs" in said and "not even one example" in said
    status = Run(tmp_path / "run").manifest["stages"]["train"]["status"]
    assert status.startswith("failed: DoesNotFit")
    named = [line.split("    ")[0].split() for line in said.splitlines() if line.startswith("  train.")]
    assert len(named) == 2, said
    for keys in named:
        changed = read(tmp_path, wide_folder, "130MB", *keys)
        run = travel(changed, tmp_path / "run", ("train",))
        record = run.manifest["stages"]["train"]
        assert record["status"] == "done", keys
        plan = record["figures"]["plan"]
        assert plan["predicted_bytes"] <= 130_000_000
        held = sum(record["figures"]["peak_bytes_by_kind"].values())
        assert held <= plan["predicted_tensor_bytes"] * 1.05


def test_a_plan_can_be_left_out(tmp_path, wide_folder):
    from thriftune.road import travel

    asked = read(tmp_path, wide_folder, "1MB", "plan.check=false")
    run = travel(asked, tmp_path / "run", ("teach", "dataset", "train"))
    assert "plan" not in run.manifest["stages"]["train"]["figures"]


def test_memory_is_written_as_a_size(tmp_path, wide_folder):
    with pytest.raises(RecipeError, match="16GB"):
        read(tmp_path, wide_folder, "lots")


def test_planning_reads_the_runs_own_lessons(tmp_path, wide_folder):
    from thriftune.road import travel

    asked = read(tmp_path, wide_folder, "8GB")
    run = travel(asked, tmp_path / "run", ("teach", "dataset"))
    from contextlib import closing

    from thriftune.tasks.build import build

    with closing(build(asked)) as task:
        changed, figures = planned(run, asked, lambda: task)
    assert changed.train.micro_tokens == 4096 and figures["memory_bytes"] == 8 * 10**9
