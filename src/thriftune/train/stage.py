"""Stage *train*: `dataset/{train,valid}.jsonl` → `model/` (weights or adapter, safetensors) and `metrics.jsonl`."""

import random
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from thriftune.errors import RunError
from thriftune.progress import Progress
from thriftune.recipe import Recipe, Train
from thriftune.records import Lesson
from thriftune.runs import Run, read_records
from thriftune.students.load import Student, device_of, load_for_training
from thriftune.tasks.base import Task
from thriftune.train import checkpoints
from thriftune.train.batches import Row
from thriftune.train.compute import processed_tokens
from thriftune.train.loop import epoch_batches, fit
from thriftune.train.losses import packing, rows_of
from thriftune.train.memory import keep_memory, peak_bytes, reset_peak
from thriftune.train.vocabulary import domain_ids


def train(run: Run, recipe: Recipe, task: Task, progress: Progress) -> dict[str, Any]:
    """Fine-tune the student on the dataset of a run; return figures for the manifest.

    Started again after a kill it goes on from the last checkpoint.
    """
    keep_memory()
    progress.say(f"loading {recipe.student.model} for {recipe.train.modality} fine-tuning")
    reset_peak(device_of())
    student = load_for_training(recipe.student.model, recipe.student.kind, recipe.train)
    parts = {name: read_records(run.path("dataset", f"{name}.jsonl"), Lesson) for name in ("train", "valid")}
    parts["train"] = first(parts["train"], recipe.train.lessons)
    rows = {name: rows_of(student, task, lessons, recipe.train.objective) for name, lessons in parts.items()}
    if recipe.train.vocabulary == "domain" and student.kind == "causal":
        student.candidates = domain_ids(student, rows["train"], task.texts())
        progress.say(f"training over {len(student.candidates)} of {len(student.tokenizer)} tokens, and a random rest")
    with packing(student):
        figures = fit(student, rows["train"], rows["valid"], recipe.train, run.folder, progress)
    save(student, run.path("model"))
    checkpoints.remove(run.folder)
    trainable, every = student.parameters()
    return {
        **figures,
        "lessons": len(rows["train"]),
        "processed_tokens": processed(rows["train"], recipe.train, figures["steps"]),
        "modality": recipe.train.modality,
        "precision": student.precision,
        "tokens_per_second": round(figures["tokens"] / max(figures["train_seconds"], 1e-9), 1),
        "trainable_parameters": trainable,
        "parameters": every,
        "peak_bytes": peak_bytes(student.device),
    }


def first(lessons: list[Lesson], count: int | None) -> list[Lesson]:
    """Return whole meanings, in a fixed shuffle, until there are `count` lessons: smaller parts lie in larger ones."""
    meanings = sorted({lesson.question.meaning for lesson in lessons})
    random.Random(42).shuffle(meanings)
    kept: list[Lesson] = []
    for meaning in meanings:
        if count is not None and len(kept) >= count:
            break
        kept += [lesson for lesson in lessons if lesson.question.meaning == meaning]
    return lessons if count is None else kept


def processed(rows: list[Row], settings: Train, steps: int) -> int:
    """Return the tokens that the student read in so many steps."""
    return processed_tokens(lambda epoch: epoch_batches(rows, settings, epoch), settings, steps)


def save(student: Student, folder: Path) -> None:
    """Write the adapter, or the weights in the dtype of computation: what is evaluated is what is saved.

    Raises:
        RunError: the disk is full or may not be written.
    """
    model = student.model
    if not hasattr(model, "peft_config") and student.precision == "bf16":
        model = model.to(torch.bfloat16)
    try:
        model.save_pretrained(folder)
        student.tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        raise RunError(f"cannot write the model to {folder}: {error}. Free space or choose --out") from error
