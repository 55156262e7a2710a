"""`export.json`: what an exported folder holds and how it was made, for Thriftune to load it again."""

import json
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from thriftune.errors import InputError
from thriftune.files import write_json
from thriftune.recipe import Student, Train
from thriftune.records import Record, dump

FILE = "export.json"


class About(Record):
    """What a folder holds.

    Attributes:
        name: the recipe's. form: what was asked for with `--to`.
        kind, precision: of the student, resolved on the machine that exported it.
        student, train: the recipe's sections; an adapter is loaded on this base, quantised as for training.
        trained: content id of the training.
    """

    name: str
    version: str
    form: Literal["adapter", "merged", "gguf", "ollama"]
    kind: Literal["causal", "seq2seq"]
    precision: Literal["fp32", "bf16"]
    student: Student
    train: Train
    trained: str


def write(folder: Path, about: About) -> None:
    """Write `export.json` into a folder."""
    write_json(folder / FILE, dump(about))


def read(folder: Path) -> About:
    """Read the `export.json` of a folder.

    Raises:
        InputError: it is missing or damaged: the folder is no export.
    """
    path = folder / FILE
    try:
        return About.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise InputError(f"{path} cannot be read: {error}. Export again: thriftune export RUN --to FORM") from error
