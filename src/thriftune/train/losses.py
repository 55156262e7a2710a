"""Rows of a task's lessons, and the loss of a student on them."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial

import torch

from thriftune.errors import StudentError
from thriftune.recipe import Train
from thriftune.records import Lesson
from thriftune.students.load import Student
from thriftune.tasks.base import Task
from thriftune.train import ranks
from thriftune.train.batches import Row, Scale, make_row, micro_batches, scale_of, shares
from thriftune.train.lora_linear import fewer_passes
from thriftune.train.loss import Loss, loss_of
from thriftune.train.tree import tree_attention

Compute = Callable[[list[Row], Scale], Loss]


def packing(student: Student) -> AbstractContextManager[object]:
    """Return the context in which the student's loss is computed, and its backward (checkpointing computes again)."""
    with ExitStack() as stack:
        stack.enter_context(fewer_passes(student.model))
        if student.kind == "causal":
            stack.enter_context(tree_attention(student.model))
        return stack.pop_all()


def rows_of(student: Student, task: Task, lessons: Sequence[Lesson], objective: str) -> list[Row]:
    """Tokenise lessons for the objective `dss` (both branches) or `label_only`."""
    renderer = student.renderer
    _refuse_labels_that_cannot_be_written(student, lessons)
    with_rationale = objective == "dss"
    return [
        make_row(
            renderer,
            task.prompt(lesson.question),
            lesson.label,
            (lesson.rationale or None) if with_rationale else None,
            student.kind,
            student.seq2seq_task,
        )
        for lesson in lessons
    ]


def example_losses(student: Student, rows: Sequence[Row], micro_tokens: int) -> dict[str, list[tuple[float, int]]]:
    """Return for `label_loss` and `rationale_loss` each example's (summed nats, supervised tokens), as rows come."""
    split = list(micro_batches(rows, micro_tokens, student.kind == "seq2seq"))
    found = _examples(student, split, partial(loss_of, student), rows)
    places = {id(row): place for place, row in enumerate(rows)}
    order = [places[id(row)] for batch in split for row in batch]
    return {name: [pair for _, pair in sorted(zip(order, pairs, strict=True))] for name, pairs in found.items()}


def mean_losses(
    student: Student, rows: Sequence[Row], micro_tokens: int, compute: Compute | None = None
) -> dict[str, float]:
    """Return `label_loss` and `rationale_loss`: the mean per supervised token, in nats, shared among the ranks.

    Args:
        compute: how the loss is computed where the student is wrapped; else by the student.
    """
    split = shares(rows, ranks.count(), micro_tokens, student.kind == "seq2seq")[ranks.rank()]
    means = {}
    for name, examples in _examples(student, split, compute or partial(loss_of, student), rows).items():
        nats, tokens = ranks.total([sum(nats for nats, _ in examples), sum(count for _, count in examples)])
        if tokens:
            means[name] = nats / tokens
    return means


@torch.no_grad()
def _examples(
    student: Student, split: Iterable[list[Row]], compute: Compute, every: Sequence[Row]
) -> dict[str, list[tuple[float, int]]]:
    training = student.model.training
    student.model.eval()
    found: dict[str, list[tuple[float, int]]] = {"label_loss": [], "rationale_loss": []}
    scale = scale_of(every, 0.5)  # any: the sums are not weighted
    for batch in split:
        loss = compute(batch or list(every[:1]), scale)
        labels, rationales = loss.by_row(max(1, len(batch)))
        found["label_loss"] += [(nats, row.label_tokens) for nats, row in zip(labels, batch, strict=False)]
        found["rationale_loss"] += [(nats, row.rationale_tokens) for nats, row in zip(rationales, batch, strict=False)]
    student.model.train(training)
    return found


def task_losses(
    student: Student, task: Task, lessons: Sequence[Lesson], settings: Train
) -> dict[str, list[tuple[float, int]]]:
    """Return `example_losses` of lessons, for both tasks whichever objective the student was trained with."""
    with packing(student):
        return example_losses(student, rows_of(student, task, lessons, "dss"), settings.micro_tokens)


def _refuse_labels_that_cannot_be_written(student: Student, lessons: Sequence[Lesson]) -> None:
    """A vocabulary without braces (T5's own) would train on damaged labels and never say so."""
    for lesson in lessons:
        ids = student.renderer.target(lesson.label)
        written = student.tokenizer.decode(ids, skip_special_tokens=True)
        if "".join(written.split()) != "".join(lesson.label.split()):
            missing = sorted(set(lesson.label) - set(written))
            raise StudentError(
                f"the student's tokenizer cannot write the label of {lesson.question.id} (lost: {' '.join(missing)}). "
                "Choose a student whose vocabulary has these characters"
            )
