"""Fine-tune a small language model for one job when you have little data and little compute.

The road in five lines:

    from pathlib import Path
    from thriftune import load_recipe, travel

    recipe = load_recipe(Path("recipes/films-demo.yaml"), ["train.rank=32"])
    run = travel(recipe, Path("runs/films-demo"))  # teach, dataset, train, evaluate, report
    print(run.figures("evaluate"), run.path("report.html"))

`import thriftune` loads nothing heavy: every public name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thriftune.errors import UserError
    from thriftune.recipe import Recipe
    from thriftune.recipe import load as load_recipe
    from thriftune.records import Lesson, Question, Verdict
    from thriftune.road import travel
    from thriftune.runs import Run
    from thriftune.ship.predict import load
    from thriftune.version import VERSION as __version__

__all__ = [
    "Lesson",
    "Question",
    "Recipe",
    "Run",
    "UserError",
    "Verdict",
    "__version__",
    "load",
    "load_recipe",
    "travel",
]

_HOMES = {
    "Lesson": "records.Lesson",
    "Question": "records.Question",
    "Recipe": "recipe.Recipe",
    "Run": "runs.Run",
    "UserError": "errors.UserError",
    "Verdict": "records.Verdict",
    "__version__": "version.VERSION",
    "load": "ship.predict.load",
    "load_recipe": "recipe.load",
    "travel": "road.travel",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home, _, attribute = _HOMES[name].rpartition(".")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
