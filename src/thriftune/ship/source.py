"""What is exported: a run, its recipe, its task."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from thriftune.recipe import Recipe
from thriftune.runs import Run
from thriftune.ship.about import About
from thriftune.students.load import device_of, kind_of, precision_of
from thriftune.tasks.base import Task
from thriftune.version import VERSION

Form = Literal["adapter", "merged", "gguf", "ollama"]


@dataclass(frozen=True)
class Source:
    """A run with its recipe and its task.

    `trained` is the content id of the training; `scored` tells whether the run's scores are of it.
    """

    run: Run
    recipe: Recipe
    task: Task
    trained: str
    scored: bool

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self.run.path("model")

    def about(self, form: Form) -> About:
        """Return what an export in this form says of itself."""
        recipe = self.recipe
        return About(
            name=recipe.name,
            version=VERSION,
            form=form,
            kind=kind_of(recipe.student.model, recipe.student.kind),
            precision=precision_of(recipe.train.precision, device_of()),
            student=recipe.student,
            train=recipe.train,
            trained=self.trained,
        )
