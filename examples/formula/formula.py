"""A task of one's own: a question → a formula over the columns of a table, judged by computing it for every row."""

import ast
import math
import operator

from thriftune.errors import InputError
from thriftune.files import content_id
from thriftune.prompts import Prompt
from thriftune.records import Question, Verdict
from thriftune.tasks.base import Task

OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


class Formula(Task):
    def __init__(self, rows: list[dict[str, float]]) -> None:
        self.rows = rows

    def identity(self) -> str:
        return content_id("formula", self.rows)

    def prompt(self, question: Question) -> Prompt:
        return Prompt(
            f"Write the formula (predict), or why (explain). Columns: {', '.join(self.rows[0])}", question.text
        )

    def check(self, question: Question, label: str) -> Verdict:
        found = self.run(label)
        if isinstance(found, str):
            return Verdict(question_id=question.id, valid=False, fault="invalid", detail=found)
        return Verdict(question_id=question.id, valid=True, gold_empty=not any(found), result=str(found[:5]))

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        expected, got, verdict = self.run(gold), self.run(predicted), self.check(question, predicted)
        if isinstance(expected, str):
            raise InputError(f"the gold answer of {question.id} is not valid: {expected}")
        if isinstance(got, str):
            return verdict
        right, rows = sum(map(math.isclose, expected, got)), len(expected)
        fault = {} if right == rows else {"fault": "wrong_result", "detail": f"{rows - right} of {rows} rows differ"}
        same = self.tidy(gold) == self.tidy(predicted)
        scores = {"exact": same, "canonical": same, "execution_match": right == rows, "result_f1": right / rows}
        return verdict.model_copy(update=fault | scores)

    def tidy(self, label: str) -> str:
        return " ".join(label.split())

    def run(self, text: str) -> list[float] | str:
        """Return the formula's value for every row, or what is wrong with it."""
        try:
            text = self.tidy(text)
            tree = ast.parse(text, mode="eval").body if len(text) < 500 else ast.Pass()
            found = [value(tree, row) for row in self.rows]
        except (SyntaxError, ValueError, KeyError, ArithmeticError, RecursionError, MemoryError) as error:
            return f"{type(error).__name__}: {error}"[:200]
        return found if all(map(math.isfinite, found)) else "the result is too large"


def value(node: ast.AST, row: dict[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return float(row[name])
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in OPERATORS:
            return float(OPERATORS[type(sign)](value(left, row), value(right, row)))
    raise ValueError(f"{type(node).__name__} is not part of a formula")


def make(rows: list[dict[str, float]]) -> Task:
    """Return the task; the recipe's `task.options` are the arguments."""
    return Formula(rows)
