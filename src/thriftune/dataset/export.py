"""A run's dataset in the formats of other tools."""

from pathlib import Path
from typing import Any

from thriftune.errors import RunError
from thriftune.files import read_records
from thriftune.records import Lesson
from thriftune.runs import Run
from thriftune.tables.rows import Row
from thriftune.tables.write import write, write_chats
from thriftune.tasks.base import Task

PARTS = ("train", "valid", "test")


def export(run: Run, form: str, folder: Path) -> dict[str, Any]:
    """Write train, valid and test as `csv`, `jsonl`, `parquet` or `hf`; return how many rows each has.

    Raises:
        RunError: the run has no dataset.
        MissingPackage: `parquet` and `hf` need pyarrow.
    """
    parts = {name: [_row(lesson) for lesson in lessons] for name, lessons in lessons_of(run).items()}
    write(folder, parts, form)
    return {name: len(rows) for name, rows in parts.items()}


def export_chats(run: Run, task: Task, folder: Path, rationales: bool) -> dict[str, Any]:
    """Write chats of instructions, question and answer, as the student is asked; return how many each part has.

    With `rationales` answers are `<rationale>…</rationale>`, `<answer>…</answer>`, and lessons without a reason
    (variants) are left out; else they are the label alone.
    """
    parts = {
        name: [_chat(task, lesson, rationales) for lesson in lessons if lesson.rationale or not rationales]
        for name, lessons in lessons_of(run).items()
    }
    write_chats(folder, parts)
    return {name: len(chats) for name, chats in parts.items()}


def lessons_of(run: Run) -> dict[str, list[Lesson]]:
    """Return the parts of a run's dataset."""
    if not run.path("dataset", "train.jsonl").is_file():
        raise RunError(f"{run.folder} holds no dataset. Run: thriftune teach RECIPE")
    return {name: read_records(run.path("dataset", f"{name}.jsonl"), Lesson) for name in PARTS}


def _row(lesson: Lesson) -> Row:
    asked = lesson.question
    return Row(
        id=asked.id, collection=asked.collection, prompt=asked.text, dsl=lesson.label, rationale=lesson.rationale
    )


def _chat(task: Task, lesson: Lesson, rationales: bool) -> list[dict[str, str]]:
    prompt = task.prompt(lesson.question)
    reason = f"<rationale>{lesson.rationale}</rationale>\n<answer>{lesson.label}</answer>"
    return [
        {"role": "system", "content": prompt.instructions},
        {"role": "user", "content": prompt.question},
        {"role": "assistant", "content": reason if rationales else lesson.label},
    ]
