"""Rows of a task's lessons, and the loss of a student on them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch

from thriftune.recipe import Train
from thriftune.records import Lesson
from thriftune.students.load import Student
from thriftune.tasks.base import Task
from thriftune.train.batches import Row, make_row, micro_batches, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.tree import tree_attention


def packing(student: Student) -> AbstractContextManager[None]:
    """Return the context in which the student's loss is computed."""
    return tree_attention(student.model) if student.kind == "causal" else nullcontext()


def rows_of(student: Student, task: Task, lessons: Sequence[Lesson], objective: str) -> list[Row]:
    """Tokenise lessons for the objective `dss` (both branches) or `label_only`."""
    renderer = student.renderer
    with_rationale = objective == "dss"
    return [
        make_row(
            renderer,
            task.prompt(lesson.question),
            lesson.label,
            lesson.rationale if with_rationale else None,
            student.kind,
        )
        for lesson in lessons
    ]


@torch.no_grad()
def mean_losses(student: Student, rows: Sequence[Row], micro_tokens: int) -> dict[str, float]:
    """Return `label_loss` and `rationale_loss`: the mean per supervised token, in nats."""
    training = student.model.training
    student.model.eval()
    labels = rationales = 0.0
    for batch in micro_batches(rows, micro_tokens):
        loss = loss_of(student, batch, scale_of(rows, 0.5))
        labels += loss.label_sum
        rationales += loss.rationale_sum
    student.model.train(training)
    means = {"label_loss": labels / sum(row.label_tokens for row in rows)}
    if count := sum(row.rationale_tokens for row in rows):
        means["rationale_loss"] = rationales / count
    return means


def task_losses(student: Student, task: Task, lessons: Sequence[Lesson], settings: Train) -> dict[str, float]:
    """Return both losses on lessons, whichever objective the student was trained with."""
    with packing(student):
        return mean_losses(student, rows_of(student, task, lessons, "dss"), settings.micro_tokens)
