"""Activation checkpointing: the same gradient, also of packs, for less memory."""

import pytest
import torch

from thriftune.prompts import Prompt
from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.train.batches import Row, make_row, micro_batches, scale_of
from thriftune.train.held import Held
from thriftune.train.loss import loss_of
from thriftune.train.losses import packing

CASES = [(kind, modality) for kind in ("causal", "seq2seq") for modality in ("full", "lora", "qlora")]


def student_of(folder: str, modality: str, checkpointing: bool, dropout: float = 0.0, **keys) -> Student:
    train = Train(modality=modality, rank=4, dropout=dropout, precision="fp32", checkpointing=checkpointing, **keys)
    student = load_for_training(folder, "auto", train)
    generator = torch.Generator().manual_seed(1)
    for name, parameter in student.model.named_parameters():
        if "lora_B" in name:  # B starts at zero, which would hide A's gradient
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    return student


def rows_of(student: Student) -> list[Row]:
    texts = [(f"question {n} on films", f'{{"size":{n}}}', f"The number {n} is the size.") for n in range(6)]
    prompts = [Prompt(f"Index {'flights' if n % 3 else 'films'}", q) for n, (q, _, _) in enumerate(texts)]
    return [make_row(student.renderer, p, a, r, student.kind) for p, (_, a, r) in zip(prompts, texts, strict=True)]


def gradient(student: Student, micro_tokens: int = 10_000) -> torch.Tensor:
    rows = rows_of(student)
    scale = scale_of(rows, 0.4)
    student.model.train()
    student.model.zero_grad()
    torch.manual_seed(3)  # dropout's numbers
    with packing(student):
        for batch in micro_batches(rows, micro_tokens):
            loss_of(student, batch, scale).total.backward()
    return torch.cat([p.grad.flatten() for p in student.model.parameters() if p.grad is not None])


@pytest.mark.parametrize(("kind", "modality"), CASES)
@pytest.mark.parametrize("micro_tokens", [100, 10_000])
def test_the_gradient_is_that_without_checkpointing(folders, kind, modality, micro_tokens):
    plain, again = (gradient(student_of(folders[kind], modality, on), micro_tokens) for on in (False, True))
    assert len(plain) == len(again) and (plain - again).norm() <= 1e-6 * plain.norm()


def test_with_dropout_the_second_computation_draws_the_same_numbers(folders):
    with_dropout = [gradient(student_of(folders["causal"], "lora", on, dropout=0.3)) for on in (False, True)]
    without = gradient(student_of(folders["causal"], "lora", True))
    assert (with_dropout[0] - with_dropout[1]).norm() <= 1e-6 * with_dropout[0].norm()
    assert (with_dropout[0] - without).norm() > 1e-2 * without.norm()


def test_in_bf16_the_second_computation_has_the_same_precision(folders):
    students = [student_of(folders["causal"], "full", on) for on in (False, True)]
    for student in students:
        student.precision = "bf16"
    plain, again = (gradient(student) for student in students)
    assert torch.equal(plain, again)


def test_a_backward_outside_of_packing_is_never_a_wrong_gradient(folders):
    student = student_of(folders["causal"], "full", True)
    rows = rows_of(student)
    student.model.train()
    with packing(student):
        loss = loss_of(student, rows, scale_of(rows, 0.5))
    with pytest.raises(Exception, match="checkpoint"):
        loss.total.backward()


def peak_bytes(student: Student) -> int:
    with Held(student.model) as held:
        gradient(student)
    return sum(held.peak.values())


@pytest.mark.parametrize(("kind", "modality"), CASES)
def test_the_peak_is_lower(folders, kind, modality):
    assert peak_bytes(student_of(folders[kind], modality, True)) < peak_bytes(
        student_of(folders[kind], modality, False)
    )
