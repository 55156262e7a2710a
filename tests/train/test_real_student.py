"""On SmolLM2-135M a pack gives the gradient of the reference form: two whole passes for each example."""

import pytest
import torch

from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.train.batches import Row, scale_of
from thriftune.train.held import Held
from thriftune.train.loss import loss_of
from thriftune.train.losses import packing

NAME = "smollm2-135m-instruct"
WEIGHT = 0.5


def rows_of(prefix: int, shapes: list[tuple[int, int, int]]) -> list[Row]:
    """Random rows of (question, label, rationale) tokens behind one prefix."""
    generator = torch.Generator().manual_seed(0)
    ids = lambda n: tuple(torch.randint(100, 40_000, (n,), generator=generator).tolist())  # noqa: E731
    shared = ids(prefix)
    return [Row(shared, ids(question), ids(label), ids(rationale), 3, 4) for question, label, rationale in shapes]


def reference(student: Student, rows: list[Row]) -> torch.Tensor:
    """Add the gradient of the formula by whole sequences; return it flat."""
    student.model.zero_grad()
    scale = scale_of(rows, WEIGHT)
    for row in rows:
        for branch, marker, weight in (
            (row.label, row.label_marker, scale.label),
            (row.rationale, row.rationale_marker, scale.rationale),
        ):
            given = (*row.prefix, *row.question, *branch[:marker])
            ids = torch.tensor([(*given, *branch[marker:])])
            with student.autocast():
                logits = student.model(input_ids=ids, use_cache=False).logits[0, len(given) - 1 : -1]
            each = torch.nn.functional.cross_entropy(logits.float(), ids[0, len(given) :], reduction="sum")
            (weight * each).backward()
    return flat(student)


def add_ours(student: Student, rows: list[Row]) -> None:
    student.model.zero_grad()
    with packing(student):
        loss_of(student, rows, scale_of(rows, WEIGHT)).total.backward()


def ours(student: Student, rows: list[Row]) -> torch.Tensor:
    add_ours(student, rows)
    return flat(student)


def flat(student: Student) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in student.model.parameters() if p.grad is not None])


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_in_fp32_the_gradient_of_a_pack_is_that_of_the_reference_form():
    student = load_for_training(NAME, "causal", Train(precision="fp32"))
    student.model.train()
    rows = rows_of(120, [(24, 40, 32), (31, 40, 25), (27, 40, 29)])
    exact = reference(student, rows)
    distance = relative(ours(student, rows), exact)
    print(f"fp32: {distance:.2e} from the reference")
    assert distance <= 1e-5


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("modality", ["full", "lora"])
def test_checkpointing_gives_the_gradient_for_less_memory(modality):
    rows = rows_of(220, [(30, 80, 120), (30, 80, 120)])
    gradients, peaks = [], []
    for on in (False, True):
        settings = Train(modality=modality, dropout=0.0, precision="fp32", checkpointing=on)
        student = load_for_training(NAME, "causal", settings)
        student.model.train()
        with Held(student.model) as held:
            add_ours(student, rows)
        gradients.append(flat(student))
        peaks.append(held.peak)
        print(f"{modality}, checkpointing {on}: {sum(held.peak.values())} bytes, {held.peak}")
    assert relative(gradients[1], gradients[0]) <= 1e-6
    assert sum(peaks[1].values()) < sum(peaks[0].values())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_in_bf16_the_gradient_is_within_the_noise_of_the_reference():
    student = load_for_training(NAME, "causal", Train(precision="fp32"))
    student.model.train()
    rows = rows_of(24, [(6, 10, 10), (8, 10, 7)])  # few: without bf16 instructions its products are slow
    exact = reference(student, rows)
    student.precision = "bf16"
    separate = reference(student, rows)
    noise = relative(separate, exact)
    again = ours(student, rows)
    apart = relative(again, separate)
    print(f"bf16: from fp32 the reference {noise:.2e}, ours {relative(again, exact):.2e}; apart {apart:.2e}")
    assert relative(again, exact) <= 1.1 * noise
    assert apart <= 1.5 * noise  # two roundings of one gradient: √2 where they are independent
