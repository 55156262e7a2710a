"""The meter: bytes by kind, model FLOPs, rates; and that 8-bit optimizers hold less and learn."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from thriftune.errors import RecipeError
from thriftune.files import read_lines
from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.train.batches import Row, make_row, scale_of
from thriftune.train.flops import costs_of, flops_of
from thriftune.train.held import Held
from thriftune.train.loop import fit
from thriftune.train.loss import loss_of
from thriftune.train.losses import packing
from thriftune.train.meter import gemm_ceiling
from thriftune.train.optimizers import optimizer_of


def student_of(folder: str, modality: str = "full", **keys) -> Student:
    return load_for_training(folder, "auto", Train(modality=modality, rank=4, dropout=0.0, precision="fp32", **keys))


def rows_of(student: Student, with_rationale: bool = True) -> list[Row]:
    texts = [(f"question {n} on films", f'{{"size":{n}}}', f"The number {n} is the size.") for n in range(6)]
    prompt = [Prompt("Index films", q) for q, _, _ in texts]
    return [
        make_row(student.renderer, p, a, r if with_rationale else None, student.kind)
        for p, (_, a, r) in zip(prompt, texts, strict=True)
    ]


def learn(student: Student, rows: list[Row], scale=None) -> None:
    student.model.train()
    with packing(student):
        loss_of(student, rows, scale or scale_of(rows, 0.5)).total.backward()


def fitted(tmp_path, student: Student, **keys):
    rows = rows_of(student)
    train = Train(precision="fp32", rank=4, batch=3, epochs=3, validations=1, learning_rate=2e-3, **keys)
    with packing(student):
        figures = fit(student, rows, rows, train, tmp_path, lambda *_: None)
    return figures, [value for _, value in read_lines(tmp_path / "metrics.jsonl")]


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
@pytest.mark.parametrize("modality", ["full", "lora", "qlora"])
def test_a_run_logs_rates_share_and_bytes_by_kind(tmp_path, folders, kind, modality):
    figures, records = fitted(tmp_path, student_of(folders[kind], modality))
    for record in records:
        assert record["tokens_per_second"] > 0 and record["examples_per_second"] > 0
        assert record["flops"] > 0 and record["gemm_share"] > 0
    assert figures["model_flops"] == sum(record["flops"] for record in records)
    held = figures["peak_bytes_by_kind"]
    student = student_of(folders[kind], modality)
    trainable = [p for p in student.model.parameters() if p.requires_grad]
    assert held["optimizer"] == pytest.approx(2 * 4 * sum(p.numel() for p in trainable), rel=0.02)  # two fp32 moments
    stored = {p.untyped_storage().data_ptr(): p.untyped_storage().nbytes() for p in student.model.parameters()}
    assert held["parameters"] >= sum(stored.values())  # and buffers: rotary frequencies, 4-bit scales
    assert held["parameters"] <= 1.2 * sum(stored.values())
    assert held["activations"] > 0
    assert held["gradients"] <= 4 * sum(p.numel() for p in trainable)


def test_behind_the_backward_the_gradients_are_those_of_the_trainable_parameters(folders):
    student = student_of(folders["causal"])
    with Held(student.model) as held:
        learn(student, rows_of(student))
        now = dict(held._now)
    assert now["gradients"] == 4 * sum(p.numel() for p in student.model.parameters())
    assert now["activations"] + now["temporaries"] <= 0.05 * sum(held.peak.values()), "all else is free again"


def test_memory_falls_from_full_over_lora_to_qlora_and_with_checkpointing(folders):
    peaks = []
    for modality, on in (("full", False), ("lora", False), ("qlora", False), ("qlora", True)):
        student = student_of(folders["causal"], modality, checkpointing=on)
        with Held(student.model) as held:
            learn(student, rows_of(student)[:1])
        peaks.append(sum(held.peak.values()))
    assert peaks == sorted(peaks, reverse=True) and len(set(peaks)) == 4


@pytest.mark.parametrize("objective", ["dss", "label_only"])
@pytest.mark.parametrize("modality", ["full", "lora"])
def test_model_flops_are_those_that_are_run_less_what_the_mask_hides(folders, modality, objective):
    """PyTorch's counter sees the products that are run: more than needed by masked pairs, and no less."""
    student = student_of(folders["causal"], modality)
    rows = rows_of(student, objective == "dss")
    counter = FlopCounterMode(display=False)
    with counter:
        learn(student, rows)
    ours = flops_of(costs_of(student), rows, "causal")
    assert 0.9 * counter.get_total_flops() <= ours <= 1.02 * counter.get_total_flops()


def test_model_flops_of_seq2seq(folders):
    student = student_of(folders["seq2seq"])
    row = rows_of(student)[:1]
    counter = FlopCounterMode(display=False)
    with counter:
        learn(student, row)
    ours = flops_of(costs_of(student), row, "seq2seq")
    assert 0.8 * counter.get_total_flops() <= ours <= 1.02 * counter.get_total_flops()


def test_the_ceiling_is_a_speed_that_products_reach_here():
    assert 1e8 < gemm_ceiling(torch.device("cpu"), torch.float32, repeats=2) < 1e15


def test_8_bit_moments_hold_a_quarter_and_learn_as_well(tmp_path, folders):
    found = {}
    for name in ("adamw", "adamw_8bit"):
        (tmp_path / name).mkdir()
        found[name] = fitted(tmp_path / name, student_of(folders["causal"], optimizer=name), optimizer=name)
    held = {name: figures["peak_bytes_by_kind"]["optimizer"] for name, (figures, _) in found.items()}
    # the tables of 256 values are kept for each parameter, which weighs only in a student as tiny as this one
    assert held["adamw_8bit"] < 0.5 * held["adamw"]
    first, last = (found["adamw_8bit"][1][place]["loss"] for place in (0, -1))
    assert last < 0.9 * first
    assert last == pytest.approx(found["adamw"][1][-1]["loss"], rel=0.05)


def test_a_paged_optimizer_without_a_gpu_is_one_clear_message(folders):
    with pytest.raises(RecipeError, match="needs a CUDA GPU"):
        optimizer_of(student_of(folders["causal"]), Train(optimizer="paged_adamw_8bit"))


def test_without_bitsandbytes_the_message_has_the_command(folders, monkeypatch):
    import sys

    from thriftune.errors import MissingPackage

    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingPackage, match="pip install"):
        optimizer_of(student_of(folders["causal"]), Train(optimizer="adamw_8bit"))
