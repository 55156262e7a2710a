"""How to make a run again: its recipe as a file, and the command of each part."""

import os
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from thriftune.recipe import Recipe
from thriftune.recipe.read import change_paths


def recipe_text(manifest: dict[str, Any]) -> str:
    """Return the run's recipe as YAML without what is default; nothing where it is none of this version."""
    try:
        recipe = Recipe.model_validate(manifest.get("recipe"))
    except ValidationError:
        return ""
    told = recipe.model_dump(mode="json", exclude_defaults=True)
    without_folders(told)
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True)


def without_folders(recipe: dict[str, Any]) -> None:
    """Name a recipe's files from the folder that holds them all: what is handed on tells nobody's folders."""
    folders: list[str] = []

    def seen(name: str) -> str:
        folders.append(str(Path(name).parent))
        return name

    change_paths(recipe, seen)
    change_paths(recipe, lambda name: os.path.relpath(name, os.path.commonpath(folders)))


def commands(name: str, forms: list[str]) -> dict[str, str]:
    """Return the commands that made what the report shows, by part."""
    file = f"{name or 'RECIPE'}.yaml"
    made = {part: f"thriftune {part} {file}" for part in ("run", "train", "evaluate")}
    exported = " && ".join(f"thriftune export runs/{name or 'RUN'} --to {form}" for form in forms)
    return made | {"export": exported}


def tabbed(rows: list[list[str]]) -> str:
    """Return rows as lines with tabs, as spreadsheets take them."""
    return "\n".join("\t".join(row) for row in rows)
