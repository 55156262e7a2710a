"""What a recipe's plan is made of: the student's config, its rows, the device."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from thriftune.errors import InputError
from thriftune.files import read_records
from thriftune.plan.batches import Rows, rows_of_lengths, rows_of_lessons
from thriftune.plan.devices import Device, gpu, this_machine
from thriftune.recipe import Recipe
from thriftune.recipe.plan import parse_size
from thriftune.records import Lesson
from thriftune.students.load import Student
from thriftune.tasks.base import Task
from thriftune.train.vocabulary import domain_ids

_CANDIDATES = 8000  # tokens of a domain, where the tokenizer that would tell is not here


def device_for(recipe: Recipe, name: str | None = None, memory: str | None = None) -> Device:
    """Return the device that is asked for: a GPU of the table, so much memory, or this machine.

    Raises:
        InputError: the GPU is not known, the size is none, or how much is free is not known.
    """
    if name:
        found = gpu(name)
        return found if memory is None else Device(found.name, _bytes(memory), "cuda", found.bf16, found.fixed)
    wanted = memory or recipe.plan.memory
    return this_machine(_bytes(wanted) if wanted else None)


def _bytes(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise InputError(f"--memory: {error}") from error


def rows_for(recipe: Recipe, config: Any, folder: Path, task: Callable[[], Task], *, fetch: bool = True) -> Rows:
    """Return the rows to plan with: of the run's dataset, of recorded lessons, or of the lengths in the recipe.

    Args:
        fetch: take the student's tokenizer from the hub where it is not here.

    Raises:
        InputError: lessons cannot be read.
    """
    lessons = lessons_of(recipe, folder)
    if not lessons:
        return rows_of_lengths(config, recipe.plan, recipe.train)
    return rows_of_lessons(recipe.student.model, config, recipe.train, task(), lessons, fetch=fetch)


def lessons_of(recipe: Recipe, folder: Path) -> list[Lesson]:
    """Return the lessons of the run's dataset; before there is one, those of a recorded teacher, not verified yet."""
    from thriftune.teach.parse import Malformed, parse
    from thriftune.teach.teachers import RecordedTeacher

    path = folder / "dataset" / "train.jsonl"
    if path.is_file():
        return read_records(path, Lesson)
    if recipe.teacher.kind != "recorded":
        return []
    teacher = RecordedTeacher(recipe.teacher.lessons, collections=recipe.task.names)
    answers = [(question, parse(response)) for question, response in teacher.answers()]
    return [
        Lesson(question=question, rationale=found.rationale, label=found.label)
        for question, found in answers
        if not isinstance(found, Malformed)
    ]


def candidates_for(recipe: Recipe, rows: Rows, task: Callable[[], Task]) -> int | None:
    """Return how many tokens the softmax of training runs over beside its random rest; None for all."""
    if recipe.train.vocabulary == "full":
        return None
    if rows.tokenizer is None:
        return _CANDIDATES
    reader = Student(SimpleNamespace(), rows.tokenizer, "causal", torch.device("cpu"), "fp32")
    return len(domain_ids(reader, rows.rows, task().texts()))
