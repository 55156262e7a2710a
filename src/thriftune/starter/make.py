"""Write the folder of a starter recipe."""

import json
from pathlib import Path

from thriftune.errors import InputError
from thriftune.files import write_text
from thriftune.recipe import load
from thriftune.starter.sheet import SHEET, sheet
from thriftune.starter.source import Source, lines
from thriftune.starter.text import Chosen, recipe_text


def make(folder: Path, chosen: Chosen, source: Source) -> Path:
    """Write recipe, mapping and documents, and without a teacher the sheet; return the recipe's path.

    Raises:
        InputError: there is a recipe already.
        RunError: the folder cannot be written.
    """
    path = folder / "recipe.yaml"
    if path.exists():
        raise InputError(f"{path} is there already; choose another folder or move it away")
    write_text(folder / "mapping.json", json.dumps(source.mapping, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "documents.jsonl", lines(source.documents))
    if not chosen.teacher:
        write_text(folder / SHEET, sheet(chosen.index, source.mapping, source.documents))
    write_text(path, recipe_text(chosen, source.mapping, len(source.documents)))
    load(path)  # what is written is a recipe; else this is a bug, and says so
    return path
