"""The contract of a task, run against the formula: pytest examples/formula/test_formula.py"""

from pathlib import Path

from thriftune.recipe import load
from thriftune.records import Question
from thriftune.tasks.build import build
from thriftune.testing.contract import TaskContract

RECIPE = Path(__file__).with_name("recipe.yaml")


class TestFormula(TaskContract):
    question = Question(id="q", collection="orders", text="What does the customer pay in the end?", meaning="q")
    gold = "price * quantity * (1 - discount) + shipping"
    equivalent = "shipping + quantity*price - discount*price*quantity"
    wrong = "(price * quantity + shipping) * (1 - discount)"
    broken = "__import__('os').getcwd()"

    def make(self):
        return build(load(RECIPE))

    def make_other(self):
        return build(load(RECIPE, ["task.options.rows=[{price: 3, quantity: 2, discount: 0, shipping: 1}]"]))
