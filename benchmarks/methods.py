"""The ways to make one training step that `step.py` compares: each is a function of a list of rows, made for a student.

reference     two whole passes, `[prompt; label]` and `[prompt; rationale]`, logits at every position, as the code
              of both papers does; the sum of both mean losses
trl_label     TRL's `SFTTrainer`, its own training step and collator, on prompt and label
trl_together  the same on prompt and `rationale; label` as one completion
label_only    ours on labels
dss           ours on labels and rationales
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from thriftune.recipe import Train
from thriftune.students.load import Student
from thriftune.train.batches import Row, micro_batches, scale_of
from thriftune.train.loss import loss_of
from thriftune.train.losses import packing

METHODS = ("reference", "trl_label", "trl_together", "label_only", "dss")
_IGNORED = -100
Step = Callable[[Sequence[Row]], float]


def steps(method: str, student: Student, settings: Train, micro_rows: int) -> Step:
    """Return a function that makes one step on an effective batch and returns its loss.

    Args:
        micro_rows: how many rows the methods that pad take in one pass; the rest is accumulated.
    """
    trainable = [parameter for parameter in student.model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trainable, lr=settings.learning_rate, fused=True)
    student.model.train()
    makers = {"reference": _reference, "label_only": _ours, "dss": _ours}
    losses = makers.get(method, _trl)(method, student, settings, micro_rows)

    def step(rows: Sequence[Row]) -> float:
        total = 0.0
        for loss in losses(rows):  # one for each micro-batch, so that nothing of the former one is alive
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(trainable, settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        return total

    return step


def _ours(method: str, student: Student, settings: Train, micro_rows: int) -> Any:
    def losses(rows: Sequence[Row]) -> Any:
        if method == "label_only":
            rows = [replace(row, rationale=()) for row in rows]
        scale = scale_of(rows, 0.5 if method == "dss" else 1.0)
        with packing(student):
            for batch in micro_batches(rows, settings.micro_tokens):
                yield loss_of(student, batch, scale).total

    return losses


def _reference(method: str, student: Student, settings: Train, micro_rows: int) -> Any:
    def losses(rows: Sequence[Row]) -> Any:
        for start in range(0, len(rows), micro_rows):
            part = rows[start : start + micro_rows]
            share = len(part) / len(rows)
            with student.autocast():
                label = student.model(**_padded([_label(row) for row in part])).loss
                why = student.model(**_padded([_rationale(row) for row in part])).loss
            yield share * (0.5 * label + 0.5 * why)

    return losses


def _trl(method: str, student: Student, settings: Train, micro_rows: int) -> Any:
    """TRL's trainer makes the loss and its backward itself; `_Done` stands for a loss that has gone back already."""
    trainer = _trainer(student, settings, micro_rows)

    def losses(rows: Sequence[Row]) -> Any:
        parts = [rows[start : start + micro_rows] for start in range(0, len(rows), micro_rows)]
        batches = [trainer.data_collator([_features(method, row) for row in part]) for part in parts]
        counted = sum((batch["labels"] != _IGNORED).sum() for batch in batches)
        trainer.current_gradient_accumulation_steps = len(batches)
        for batch in batches:
            yield _Done(trainer.training_step(student.model, batch, counted))

    return losses


class _Done:
    def __init__(self, loss: torch.Tensor) -> None:
        self._loss = loss

    def backward(self) -> None:
        """Nothing is left to do."""

    def detach(self) -> torch.Tensor:
        return self._loss.detach()


def _trainer(student: Student, settings: Train, micro_rows: int) -> Any:
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    arguments = SFTConfig(
        output_dir="/tmp/trl", use_cpu=student.device.type == "cpu", bf16=student.precision == "bf16",
        gradient_checkpointing=False, per_device_train_batch_size=micro_rows, report_to="none", max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False,
    )  # fmt: skip
    data = Dataset.from_list([{"input_ids": [1, 2], "labels": [_IGNORED, 2]}])
    trainer = SFTTrainer(student.model, arguments, train_dataset=data, processing_class=student.tokenizer)
    trainer.create_optimizer()
    return trainer


def _features(method: str, row: Row) -> dict[str, list[int]]:
    prompt, answer = _label(row) if method == "trl_label" else (_prompt(row), (*row.rationale, *row.label))
    return {"input_ids": [*prompt, *answer], "labels": [_IGNORED] * len(prompt) + [*answer]}


def _label(row: Row) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what is given, the task's marker at its end, and what is learnt."""
    return (*_prompt(row), *row.label[: row.label_marker]), row.label[row.label_marker :]


def _rationale(row: Row) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return (*_prompt(row), *row.rationale[: row.rationale_marker]), row.rationale[row.rationale_marker :]


def _prompt(row: Row) -> tuple[int, ...]:
    return (*row.prefix, *row.question)


def _padded(pairs: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> dict[str, torch.Tensor]:
    longest = max(len(prompt) + len(answer) for prompt, answer in pairs)
    ids, labels, mask = [], [], []
    for prompt, answer in pairs:
        pad = longest - len(prompt) - len(answer)
        ids.append([*prompt, *answer] + [0] * pad)
        labels.append([_IGNORED] * len(prompt) + [*answer] + [_IGNORED] * pad)
        mask.append([1] * (longest - pad) + [0] * pad)
    named = {"input_ids": ids, "labels": labels, "attention_mask": mask}
    return {name: torch.tensor(value) for name, value in named.items()}
