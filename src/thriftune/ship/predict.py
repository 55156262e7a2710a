"""Ask a trained student: the answer, the reason, and what the answer finds.

The prompt, the grammar and the way of decoding are those of the evaluation.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from thriftune.errors import InputError, RunError
from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER
from thriftune.recipe import Recipe
from thriftune.records import Question, Record
from thriftune.runs import Run
from thriftune.tasks.base import Runnable, Task
from thriftune.tasks.build import build

if TYPE_CHECKING:  # torch is loaded when a student is, not when this module is
    from thriftune.evaluate.generate import Generated
    from thriftune.students.load import Student


class Answer(Record):
    """What the student wrote for a question.

    Attributes:
        cut_off: it reached `max_new_tokens`, so it is hardly whole.
        rationale: why; empty unless asked for.
        found: what running it returned (`tasks.base.Found` as data); None unless asked for.
    """

    question: str
    collection: str
    text: str
    tokens: int
    cut_off: bool
    rationale: str = ""
    found: dict[str, Any] | None = None


class Predictor:
    """A trained student with its task; `close` it, or use it in a `with` block."""

    def __init__(self, recipe: Recipe, student: "Student", task: Task) -> None:
        self.recipe, self.student, self.task = recipe, student, task
        self.collections = recipe.task.names

    def predict(
        self,
        questions: Sequence[str],
        collection: str | None = None,
        *,
        explain: bool = False,
        execute: bool = False,
        most: int = 10,
    ) -> list[Answer]:
        """Answer questions about one collection, in order.

        Args:
            collection: needed where the task has several. most: hits or rows to return with `execute`.

        Raises:
            InputError: there is no such collection, or none is named of several, or the task cannot run answers.
        """
        asked = [self.question(text, collection) for text in questions]
        return self.answer(asked, explain=explain, execute=execute, most=most)

    def answer(
        self, asked: Sequence[Question], *, explain: bool = False, execute: bool = False, most: int = 10
    ) -> list[Answer]:
        """Answer questions of any collections, in order; see `predict`.

        Raises:
            InputError: the task cannot run answers.
        """
        if execute and not isinstance(self.task, Runnable):
            raise InputError("this task cannot run answers: it has no method `run`")
        written = self.generate(asked)
        reasons = self.generate(asked, rationale=True) if explain else [None] * len(asked)
        return [
            self._answer(question, answer, reason, self._found(question, answer.text, most) if execute else None)
            for question, answer, reason in zip(asked, written, reasons, strict=True)
        ]

    def question(self, text: str, collection: str | None = None) -> Question:
        """Return the question as the task takes it.

        Raises:
            InputError: no collection is named and there are several, or there is none of that name.
        """
        if collection is None and len(self.collections) > 1:
            raise InputError(f"which collection is asked? Name one of {', '.join(self.collections)}")
        named = collection or next(iter(self.collections), "")
        question = Question(id="asked", collection=named, text=text, meaning="asked")
        self.task.prompt(question)  # raises where there is no such collection
        return question

    def generate(self, asked: Sequence[Question], *, rationale: bool = False) -> "list[Generated]":
        """Write answers, or reasons, for questions of any collections."""
        from thriftune.evaluate.generate import generate

        settings = self.recipe.evaluate
        within = settings.constrained and not rationale
        return generate(
            self.student,
            [self.task.prompt(question) for question in asked],
            marker=RATIONALE_MARKER if rationale else LABEL_MARKER,
            batch=settings.batch,
            max_new_tokens=settings.max_new_tokens,
            grammars=[self.task.grammar(question) for question in asked] if within else None,
        )

    def close(self) -> None:
        """Give back what the task holds."""
        self.task.close()

    def __enter__(self) -> "Predictor":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _found(self, question: Question, text: str, most: int) -> dict[str, Any]:
        assert isinstance(self.task, Runnable)
        return asdict(self.task.run(question, text, most))

    def _answer(
        self, question: Question, written: "Generated", reason: "Generated | None", found: dict[str, Any] | None
    ) -> Answer:
        return Answer(
            question=question.text,
            collection=question.collection,
            text=written.text,
            tokens=written.tokens,
            cut_off=written.tokens >= self.recipe.evaluate.max_new_tokens,
            rationale=reason.text if reason else "",
            found=found,
        )


def load(folder: str | Path, task: Task | None = None) -> Predictor:
    """Load the student of a run folder with its task, or with one that is there already.

    Raises:
        RunError: the folder holds no trained model.
        StudentError, EngineError, InputError, MissingPackage: the model or the task cannot be loaded.
    """
    from thriftune.students.reload import load_tuned

    run = Run(Path(folder))
    if run.manifest["stages"].get("train", {}).get("status") != "done":
        raise RunError(f"{folder} holds no trained model. Run: thriftune train RECIPE --out {folder}")
    try:
        recipe = Recipe.model_validate(run.manifest.get("recipe"))
    except ValidationError as error:
        raise RunError(f"{run.path('manifest.json')} holds no recipe of this version") from error
    student = load_tuned(run.path("model"), recipe)
    return Predictor(recipe, student, task or build(recipe))
