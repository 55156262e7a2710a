"""The whole road in one file: a recipe's stages called one after the other.

Run it with: python examples/01_whole_road.py recipes/films-demo.yaml runs/example
"""

import sys
from pathlib import Path

from thriftune.dataset.stage import make_dataset
from thriftune.evaluate.stage import evaluate
from thriftune.progress import Progress
from thriftune.recipe import load
from thriftune.report.stage import report
from thriftune.runs import Run
from thriftune.tasks.build import build
from thriftune.teach.stage import teach
from thriftune.teach.teachers import RecordedTeacher
from thriftune.train.stage import train

recipe = load(Path(sys.argv[1]), sys.argv[3:])
run = Run(Path(sys.argv[2]))
task = build(recipe)  # starts the search engine and loads the collections

teacher = RecordedTeacher(recipe.teacher.lessons, recipe.teacher.limit, recipe.task.names)
print(teach(run, task, teacher, Progress("teach")))  # questions → lessons, each verified by running its label
print(make_dataset(run, recipe.dataset, lambda: task, Progress("dataset")))  # lessons → parts, by meaning
print(train(run, recipe, task, Progress("train")))  # dataset → model: label and rationale, one student
print(evaluate(run, recipe, task, Progress("evaluate")))  # model → scores, by running what it writes
print(report(run))  # records → report.html
task.close()
