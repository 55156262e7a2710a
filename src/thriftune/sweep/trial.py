"""One trial: a dict of overrides and a seed. Its id is made of the content of the recipe that they lead to.

The same content has the same id whichever way it was asked for, on every machine, so a trial that a sweep and an
ablation share is done once. Keys at their default do not count: a key that a later version adds changes no id. Neither
does the version of the code, which is in the record: results of an older version stay, and say so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from thriftune.errors import RecipeError
from thriftune.files import content_id, file_id
from thriftune.recipe import Recipe, changed
from thriftune.stages import by_content
from thriftune.teach.build import identity

_SHARED = ("task", "teacher", "dataset")
_IDLE = ("checkpoint_minutes",)  # keys of `train` that change no result


@dataclass(frozen=True)
class Trial:
    """What is run.

    Attributes:
        id: content id. recipe: the whole recipe with overrides and seed in it.
        kind: `tuned` is trained and scored; `base` is the untouched student with `shots` examples in its prompt.
        like: id of the trial whose processed tokens are this one's `train.max_tokens`, known when that one has ended.
    """

    id: str
    recipe: Recipe = field(repr=False)
    overrides: Mapping[str, Any]
    seed: int
    kind: Literal["tuned", "base"] = "tuned"
    shots: int = 0
    like: str | None = None


def tuned(recipe: Recipe, overrides: Mapping[str, Any], seed: int, like: str | None = None) -> Trial:
    """Return the trial of a recipe with overrides and a seed.

    Raises:
        RecipeError: an override is wrong.
    """
    if wrong := [key for key in overrides if key.partition(".")[0] in ("study", "name") or key == "train.seed"]:
        raise RecipeError(f"study: {', '.join(wrong)} cannot be varied" + "; seeds are repeats: study.seeds")
    full = changed(recipe, {**overrides, "train.seed": seed, "evaluate.base": False})
    return Trial(content_id(content(full), "tuned", like), full, dict(overrides), seed, like=like)


def base(recipe: Recipe, shots: int) -> Trial:
    """Return the trial that scores the untouched student."""
    parts = {key: value for key, value in content(recipe).items() if key != "train"}
    return Trial(content_id(parts, "base", shots), recipe, {}, recipe.dataset.seed, "base", shots)


def content(recipe: Recipe) -> dict[str, Any]:
    """Return what a result depends on: keys that are not at their default, and the bytes of files for their paths."""
    data = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"name", "study", "plan", *_SHARED})
    data["train"] = {key: value for key, value in data.get("train", {}).items() if key not in _IDLE}
    return data | {"dataset": dataset_id(recipe)}


def dataset_id(recipe: Recipe) -> str:
    """Return the id of the sections that make the dataset: trials of one id share it."""
    return _dataset_id(recipe.model_dump_json(include=set(_SHARED), exclude_defaults=True))


@lru_cache(maxsize=64)  # the files are read once, not for every trial
def _dataset_id(sections: str) -> str:
    data = json.loads(sections)
    full = Recipe.model_validate({"name": "any", **data})
    task = by_content(data["task"])
    if full.task.kind == "python":
        path, _, name = str(full.task.factory).rpartition(":")
        task["factory"] = [file_id(Path(path)), name]
    return content_id(task, identity(full.teacher), data.get("dataset", {}))
