"""Load a tuned student back from a run folder, to generate with."""

from pathlib import Path

import torch

from thriftune.errors import StudentError
from thriftune.recipe import Recipe, Train
from thriftune.recipe import Student as Settings
from thriftune.students.load import (
    Student,
    device_of,
    for_generation,
    from_pretrained,
    kind_of,
    load_for_generation,
    load_tokenizer,
    nf4,
    precision_of,
)

ADAPTER = "adapter_config.json"


def load_tuned(folder: Path, recipe: Recipe) -> Student:
    """Load what the stage *train* saved in `folder`, merged, in the dtype of computation.

    An adapter is merged into the base it was trained on: for QLoRA that is the *dequantised* 4-bit base. (Merging into
    the untouched base, or into the 4-bit weights, gives another model.)

    Raises:
        StudentError: the folder holds no model.
    """
    if not (folder / ADAPTER).exists():
        if not (folder / "config.json").exists():
            raise StudentError(f"{folder} holds no model; train first: thriftune train RECIPE")
        student = load_for_generation(str(folder), recipe.student.kind, recipe.train.precision)
        student.seq2seq_task = recipe.train.seq2seq_task
        return student
    return load_adapter(folder, recipe.student, recipe.train, merge=True)


def load_adapter(folder: Path, settings: Settings, train: Train, *, merge: bool) -> Student:
    """Load an adapter on the base it was trained on, merged into it or beside it, in the dtype of computation.

    Raises:
        StudentError: there is no such base.
        MissingPackage: a QLoRA adapter needs bitsandbytes, to quantise the base as it was.
    """
    from peft import PeftModel

    device = device_of()
    precision = precision_of(train.precision, device)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    kind = kind_of(settings.model, settings.kind)
    quantization = nf4(train, precision) if train.modality == "qlora" else None
    base = from_pretrained(settings.model, kind, torch.float32, quantization)
    if quantization:
        base = base.dequantize().to(torch.float32)
    if merge:
        model = PeftModel.from_pretrained(base, str(folder)).merge_and_unload().to(dtype)
    else:
        model = PeftModel.from_pretrained(base.to(dtype), str(folder))
    student = for_generation(model, load_tokenizer(str(folder)), kind, device)
    student.seq2seq_task = train.seq2seq_task
    return student
