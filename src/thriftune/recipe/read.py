"""From a YAML file and overrides to a recipe."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from thriftune.errors import RecipeError
from thriftune.recipe.faults import told
from thriftune.recipe.task import FILES
from thriftune.recipe.whole import Recipe


def load(path: Path, overrides: list[str] | None = None) -> Recipe:
    """Read a recipe, apply dotted overrides such as `train.rank=32`, and resolve paths beside the recipe.

    Raises:
        RecipeError: the file is missing or wrong; the text lists all problems at once.
    """
    try:
        with path.open(encoding="utf-8") as file:
            data = yaml.safe_load(file)
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {os.strerror(error.errno or 0)}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise RecipeError(f"{path} is empty or not a mapping of keys; start from recipes/films-demo.yaml")
    for override in overrides or []:
        _override(data, override)
    base = path.resolve().parent
    change_paths(data, lambda name: str(base / name))
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(told(path.name, error)) from error


def changed(recipe: Recipe, overrides: Mapping[str, Any]) -> Recipe:
    """Return the recipe with dotted keys set to other values.

    Raises:
        RecipeError: a key is not one, or a value is not right; the text lists all problems at once.
    """
    data = recipe.model_dump(mode="json")
    for key, value in overrides.items():
        *parents, leaf = key.split(".")
        place = data
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise RecipeError(f"study: {key} is not a key: {parent} is not a section")
        place[leaf] = value
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(told(f"{recipe.name} with {', '.join(overrides)}", error)) from error


def _override(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise RecipeError(f"override {override!r} is not of the form section.key=value")
    *parents, leaf = key.split(".")
    for parent in parents:
        if data.get(parent) is None:  # an absent section, or one whose keys are all commented out
            data[parent] = {}
        data = data[parent]
        if not isinstance(data, dict):
            raise RecipeError(f"override {override!r}: {parent} is not a section")
    try:
        data[leaf] = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise RecipeError(f"override {override!r}: the value is not YAML; put it in quotes") from error


def change_paths(data: dict[str, Any], change: Callable[[str], str]) -> None:
    """Replace every path in a recipe's data by what `change` makes of it. What is no path stays as it is."""

    def each(section: Any, keys: Iterable[str]) -> None:
        for key in keys:
            if isinstance(section, dict) and isinstance(section.get(key), str):
                section[key] = change(section[key])

    task, teacher = data.get("task"), data.get("teacher")
    each(task, ("factory",))
    each(data.get("study"), ("records",))
    for name, keys in FILES.items():
        sources = task.get(name) if isinstance(task, dict) else None
        for source in (sources if isinstance(sources, dict) else {}).values():
            each(source, keys)
    for key in ("lessons", "questions"):
        if isinstance(teacher, dict) and isinstance(teacher.get(key), list):
            teacher[key] = [
                item if not isinstance(item, str) or item.startswith("demo:") else change(item) for item in teacher[key]
            ]
