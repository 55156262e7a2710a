"""The forms that transformers and PEFT load: an adapter beside its base, and one ordinary model."""

import json
import shutil
from pathlib import Path

from safetensors import SafetensorError

from thriftune.errors import ExportError
from thriftune.recipe import Recipe
from thriftune.students.reload import ADAPTER, load_tuned


def save_adapter(model: Path, recipe: Recipe, folder: Path) -> None:
    """Copy the adapter and the tokenizer of a trained model; the base is named as in the recipe.

    Raises:
        ExportError: the student was trained in full, or the disk is full.
    """
    if not (model / ADAPTER).exists():
        raise ExportError(f"train.modality is {recipe.train.modality}: there is no adapter. Use --to merged")
    try:
        shutil.copytree(model, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("README.md"))
        config = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        config["base_model_name_or_path"] = recipe.student.model  # not the path where it lay when it was trained
        (folder / ADAPTER).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    except (OSError, shutil.Error) as error:
        raise ExportError(f"cannot write {folder}: {error}. Free space or choose --out") from error


def save_merged(model: Path, recipe: Recipe, folder: Path) -> None:
    """Write a trained model as one ordinary model folder, in the dtype of computation, set to decode greedily.

    A LoRA adapter is merged into its base, a QLoRA adapter into the *dequantised* base (see `load_tuned`).

    Raises:
        ExportError: the disk is full.
        StudentError: there is no model, or its base is gone.
    """
    student = load_tuned(model, recipe)
    try:
        student.model.save_pretrained(folder)
        student.tokenizer.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        raise ExportError(f"cannot write {folder}: {error}. Free space or choose --out") from error
