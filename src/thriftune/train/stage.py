"""Stage *train*: `dataset/{train,valid}.jsonl` → `model/` (weights or adapter, safetensors) and `metrics.jsonl`."""

import random
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch.distributed.tensor import DTensor

from thriftune.errors import RunError
from thriftune.files import read_records
from thriftune.progress import Progress
from thriftune.recipe import Recipe, Train
from thriftune.records import Lesson
from thriftune.runs import Run
from thriftune.students.load import Student, device_of, load_for_training
from thriftune.tasks.base import Task
from thriftune.train import checkpoints, ranks, step
from thriftune.train.batches import Row
from thriftune.train.compute import processed_tokens
from thriftune.train.loop import epoch_batches, fit
from thriftune.train.loss import unwrapped
from thriftune.train.losses import packing, rows_of
from thriftune.train.memory import keep_memory, peak_bytes, reset_peak
from thriftune.train.vocabulary import REST, domain_ids

Parts = tuple[list[Row], list[Row], torch.Tensor | None]


def train(run: Run, recipe: Recipe, task: Task, progress: Progress) -> dict[str, Any]:
    """Fine-tune the student on the dataset of a run; return figures for the manifest.

    Started again after a kill it goes on from the last checkpoint. With several processes this is what rank 0 does.
    """
    student = _student(recipe, progress)
    parts = {name: read_records(run.path("dataset", f"{name}.jsonl"), Lesson) for name in ("train", "valid")}
    parts["train"] = first(parts["train"], recipe.train.lessons)
    rows = {name: rows_of(student, task, lessons, recipe.train.objective) for name, lessons in parts.items()}
    if recipe.train.vocabulary == "domain" and student.kind == "causal":
        student.candidates = domain_ids(student, rows["train"], task.texts())
        whole = _vocabulary(student)
        progress.say(
            f"training over {len(student.candidates)} of {whole} tokens, and a random rest of {REST}: "
            f"{1 - min(1, (len(student.candidates) + REST) / whole):.0%} of the output layer saved"
        )
    ranks.call((rows["train"], rows["valid"], _on_cpu(student.candidates)))
    return _train(student, rows["train"], rows["valid"], run.folder, recipe, progress)


def follow(folder: Path, recipe: Recipe, progress: Progress) -> None:
    """Train with rank 0, which reads the dataset and writes; nothing is done where it has nothing to do."""
    nothing: Parts | None = None
    if (parts := ranks.tell(nothing)) is None:
        return
    student = _student(recipe, progress)
    rows, valid, candidates = parts
    student.candidates = None if candidates is None else candidates.to(student.device)
    _train(student, rows, valid, folder, recipe, progress)


def _student(recipe: Recipe, progress: Progress) -> Student:
    keep_memory()
    progress.say(f"loading {recipe.student.model} for {recipe.train.modality} fine-tuning")
    reset_peak(device_of())
    return load_for_training(recipe.student.model, recipe.student.kind, recipe.train)


def _train(
    student: Student, rows: list[Row], valid: list[Row], folder: Path, recipe: Recipe, progress: Progress
) -> dict[str, Any]:
    trainable, every = student.parameters()
    with packing(student):
        figures = fit(student, rows, valid, recipe.train, folder, progress)
    save(student, folder / "model")
    if ranks.rank() == 0:
        checkpoints.remove(folder)
    return {
        **figures,
        "lessons": len(rows),
        "processed_tokens": processed(rows, recipe.train, figures["steps"]),
        **_trimming(student),
        "modality": recipe.train.modality,
        "precision": student.precision,
        "optimizer": recipe.train.optimizer,
        "checkpointing": recipe.train.checkpointing,
        "trainable_parameters": trainable,
        "parameters": every,
        "peak_bytes": peak_bytes(student.device),
    }


def first(lessons: list[Lesson], count: int | None) -> list[Lesson]:
    """Return whole meanings, in a fixed shuffle, until there are `count` lessons: smaller parts lie in larger ones."""
    if count is None:
        return lessons
    meanings = sorted({lesson.question.meaning for lesson in lessons})
    random.Random(42).shuffle(meanings)
    kept: list[Lesson] = []
    for meaning in meanings:
        if len(kept) >= count:
            break
        kept += [lesson for lesson in lessons if lesson.question.meaning == meaning]
    return kept


def processed(rows: list[Row], settings: Train, steps: int) -> int:
    """Return the tokens that the student read in so many steps."""
    return processed_tokens(lambda epoch: epoch_batches(rows, settings, epoch), settings, steps)


def _trimming(student: Student) -> dict[str, Any]:
    """Return what `train.vocabulary: domain` saves: tokens in the softmax, of all."""
    if student.candidates is None:
        return {}
    whole = _vocabulary(student)
    return {"softmax_tokens": min(whole, len(student.candidates) + REST), "vocabulary_tokens": whole}


def _vocabulary(student: Student) -> int:
    return len(unwrapped(student.model).get_output_embeddings().weight)


def _on_cpu(ids: torch.Tensor | None) -> torch.Tensor | None:
    return None if ids is None else ids.cpu()


def save(student: Student, folder: Path) -> None:
    """Write the adapter, or the weights in the dtype of computation: what is evaluated is what is saved.

    Every rank calls it; what they share is gathered, and rank 0 writes.

    Raises:
        RunError: the disk is full or may not be written.
    """
    weights = _gathered(student)
    if ranks.rank() != 0:
        return
    try:
        student.model.save_pretrained(folder, state_dict=weights)
        student.tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        raise RunError(f"cannot write the model to {folder}: {error}. Free space or choose --out") from error


def _gathered(student: Student) -> dict[str, torch.Tensor] | None:
    """Return the weights where they are not what `save_pretrained` would take: shared out, or to be narrowed."""
    adapter = hasattr(student.model, "peft_config")
    if not adapter and student.precision == "bf16":
        student.model.to(torch.bfloat16)
    weights = student.model.state_dict()
    if not any(isinstance(value, DTensor) for value in weights.values()):
        return None
    gathered = {name: step.whole(value).cpu() for name, value in weights.items()}
    tied = getattr(student.model, "all_tied_weights_keys", {})  # shared out, the two no longer lie in one place
    return {name: value for name, value in gathered.items() if name not in tied}
