"""On SmolLM2-135M a pack gives the gradient of the reference form: two whole passes for each example."""

import pytest
import torch

from thriftune.recipe import Train
from thriftune.students.load import Student, load_for_training
from thriftune.train.batches import Row, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.losses import packing

WEIGHT = 0.5
PREFIX, QUESTION, LABEL, RATIONALE = 120, 24, 40, 32


def rows_of(student: Student) -> list[Row]:
    generator = torch.Generator().manual_seed(0)
    ids = lambda n: tuple(torch.randint(100, 40_000, (n,), generator=generator).tolist())  # noqa: E731
    prefix = ids(PREFIX)
    return [Row(prefix, ids(QUESTION + n), ids(LABEL), ids(RATIONALE - n), 3, 4) for n in (0, 7, 3)]


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


def ours(student: Student, rows: list[Row]) -> torch.Tensor:
    student.model.zero_grad()
    with packing(student):
        loss_of(student, rows, scale_of(rows, WEIGHT)).total.backward()
    return flat(student)


def flat(student: Student) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in student.model.parameters() if p.grad is not None])


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_gradient_of_a_pack_is_that_of_the_reference_form(checkpointing):
    settings = Train(precision="fp32", checkpointing=checkpointing)
    student = load_for_training("smollm2-135m-instruct", "causal", settings)
    student.model.train()
    rows = rows_of(student)
    exact = reference(student, rows)
    distance = relative(ours(student, rows), exact)
    print(f"fp32: ours against the reference {distance:.2e}")
    assert distance <= 1e-5
    if checkpointing:
        return
    student.precision = "bf16"
    separate = reference(student, rows)
    noise = relative(separate, exact)
    again = ours(student, rows)
    apart = relative(again, separate)
    print(f"bf16: from fp32 the reference {noise:.2e}, ours {relative(again, exact):.2e}; apart {apart:.2e}")
    assert relative(again, exact) <= 1.1 * noise
    assert apart <= 1.5 * noise  # two roundings of one gradient: √2 where they are independent
