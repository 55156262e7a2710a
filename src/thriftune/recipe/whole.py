"""The whole recipe: its sections side by side."""

from typing import Annotated

from pydantic import Field

from thriftune.recipe.base import Section
from thriftune.recipe.dataset import Dataset
from thriftune.recipe.evaluate import Evaluate
from thriftune.recipe.plan import Plan
from thriftune.recipe.student import Student
from thriftune.recipe.study import Study
from thriftune.recipe.task import Task
from thriftune.recipe.teacher import Teacher
from thriftune.recipe.train import Train


class Recipe(Section):
    """A whole recipe."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    """Of the run: small letters, digits and hyphens. The run folder is `runs/NAME` unless `--out` names one."""
    task: Task
    teacher: Teacher
    dataset: Dataset = Dataset()
    student: Student = Student()
    train: Train = Train()
    evaluate: Evaluate = Evaluate()
    plan: Plan = Plan()
    study: Study = Study()
