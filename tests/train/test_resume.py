"""A training that is killed goes on bit for bit."""

import json

import pytest
import torch

from thriftune.files import read_lines
from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import load_for_training
from thriftune.train.batches import make_row
from thriftune.train.loop import epoch_batches, fit, learning_rate, position
from thriftune.train.losses import packing

# what a clock or a second start measures
MEASURED = {"seconds", "tokens_per_second", "examples_per_second", "gemm_share", "bytes"}


class Killed(Exception):
    pass


def rows_for(student):
    texts = [(f"question {n} on films", f'{{"size":{n}}}', f"The number {n} is the size.") for n in range(10)]
    return [make_row(student.renderer, Prompt("Index films", q), a, r, student.kind) for q, a, r in texts]


def train(folder, name, kind_folder, modality, killed_at=None, **keys):
    settings = Train(
        modality=modality,
        rank=4,
        dropout=0.2,
        precision="fp32",
        epochs=3,
        batch=3,
        validations=2,
        checkpoint_minutes=1e-9,
        **keys,
    )
    student = load_for_training(kind_folder, "auto", settings)
    rows = rows_for(student)

    def progress(done, total, text):
        if done == killed_at:
            raise Killed

    target = folder / name
    target.mkdir(exist_ok=True)
    with packing(student):
        try:
            fit(student, rows[:8], rows[8:], settings, target, progress)
        except Killed:
            return None
    return torch.cat([p.detach().flatten() for p in student.model.parameters() if p.requires_grad])


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("modality", ["full", "lora"])
@pytest.mark.parametrize("killed_at", [2, 5])
def test_killed_and_resumed_equals_uninterrupted(tmp_path, folders, kind, modality, killed_at):
    whole = train(tmp_path, "whole", folders[kind], modality)
    assert train(tmp_path, "killed", folders[kind], modality, killed_at) is None
    torch.manual_seed(99)  # another process would have another random state
    resumed = train(tmp_path, "killed", folders[kind], modality)
    assert torch.equal(whole, resumed)
    strip = lambda name: [  # noqa: E731
        {k: v for k, v in m.items() if k not in MEASURED} for _, m in read_lines(tmp_path / name / "metrics.jsonl")
    ]
    assert json.dumps(strip("whole")) == json.dumps(strip("killed"))
    assert [m["step"] for m in strip("killed")] == list(range(1, 10))


@pytest.mark.parametrize("keys", [{"optimizer": "adamw_8bit"}, {"checkpointing": True}, {"seq2seq_task": "decoder"}])
def test_with_every_switch_a_resumed_training_is_the_uninterrupted_one(tmp_path, folders, keys):
    kind = "seq2seq" if "seq2seq_task" in keys else "causal"
    whole = train(tmp_path, "whole", folders[kind], "full", **keys)
    assert train(tmp_path, "killed", folders[kind], "full", 4, **keys) is None
    assert torch.equal(whole, train(tmp_path, "killed", folders[kind], "full", **keys))


def test_every_row_is_seen_once_an_epoch_in_an_order_of_its_own(folders):
    settings = Train(precision="fp32", batch=3)
    student = load_for_training(folders["causal"], "auto", settings)
    rows = rows_for(student)
    other = make_row(student.renderer, Prompt("Index flights", "late?"), "{}", "None.", "causal")
    epochs = [epoch_batches([*rows, other], settings, epoch) for epoch in (0, 1)]
    for batches in epochs:
        assert sorted(r.label for b in batches for r in b) == sorted(r.label for r in [*rows, other])
        assert all(len(b) <= 3 for b in batches)
    assert epochs[0] != epochs[1]
    assert epochs[0] == epoch_batches([*rows, other], settings, 0)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_learning_rate_warms_up_and_never_exceeds_what_was_asked(schedule):
    settings = Train(schedule=schedule, learning_rate=1e-3, warmup=0.1)
    rates = [learning_rate(step, 50, settings) for step in range(50)]
    assert rates[0] == pytest.approx(1e-3 / 5) and max(rates) == pytest.approx(1e-3)
    assert all(rate > 0 for rate in rates)
    assert schedule == "constant" or rates[-1] < 1e-4


def test_a_budget_of_time_moves_the_schedule_and_never_turns_it_back():
    free, bound = Train(), Train(max_minutes=1.0)
    assert [position(step, 1e9, 100, free) for step in (0, 7, 100)] == [0, 7, 100]
    assert position(7, 0.0, 100, bound) == 7, "a fast machine goes by its steps"
    assert position(7, 30.0, 100, bound) == 50, "half the time is half the schedule"
    assert position(7, 61.0, 100, bound) == 100
    assert learning_rate(position(7, 59.9, 100, bound), 100, bound) < learning_rate(
        position(7, 30.0, 100, bound), 100, bound
    )


def test_a_training_ends_with_its_budget(tmp_path, folders):
    settings = Train(precision="fp32", epochs=500, batch=3, validations=3, max_minutes=1.5 / 60)
    student = load_for_training(folders["causal"], "auto", settings)
    rows = rows_for(student)
    with packing(student):
        figures = fit(student, rows[:8], rows[8:], settings, tmp_path, lambda *_: None)
    records = [value for _, value in read_lines(tmp_path / "metrics.jsonl")]
    assert 3 < figures["steps"] == len(records) < 1500 and 1.5 <= figures["train_seconds"] < 30
    assert records[-1]["learning_rate"] < records[len(records) // 2]["learning_rate"] < 1e-4
    assert sum("valid_label_loss" in record for record in records) == 3 and "valid_label_loss" in records[-1]
