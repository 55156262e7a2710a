"""The recipe: one YAML file, every key declared and typed, all faults told at once. A file for each section."""

from thriftune.recipe.dataset import Dataset
from thriftune.recipe.evaluate import Evaluate
from thriftune.recipe.plan import Plan
from thriftune.recipe.read import changed, load
from thriftune.recipe.student import Student
from thriftune.recipe.study import Ablation, Dimension, Resources, Study
from thriftune.recipe.task import Collection, Database, Engine, Schema, Task
from thriftune.recipe.teacher import Expand, Price, Teacher
from thriftune.recipe.train import Train
from thriftune.recipe.whole import Recipe

__all__ = [
    "Ablation",
    "Collection",
    "Database",
    "Dataset",
    "Dimension",
    "Engine",
    "Evaluate",
    "Expand",
    "Plan",
    "Price",
    "Recipe",
    "Resources",
    "Schema",
    "Student",
    "Study",
    "Task",
    "Teacher",
    "Train",
    "changed",
    "load",
]
