"""The proof of one export: the trained model and what was exported are asked the same, both judged by the task."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from thriftune.evaluate.stage import test_lessons
from thriftune.files import content_id, write_json
from thriftune.progress import Progress
from thriftune.prompts import Prompt
from thriftune.recipe import Recipe
from thriftune.records import Question, Verdict, dump, dump_section
from thriftune.runs import Run
from thriftune.ship.fresh import ask
from thriftune.ship.parity import MARGINS, Side, compare
from thriftune.ship.worker import Answer, Asked, Form
from thriftune.students.load import load_tokenizer
from thriftune.tasks.base import Task

_KEPT = ".parity-trained.json"  # the trained model's answers, for the next form


class Proof:
    """Asks and judges; the trained model is asked once for all forms of a run."""

    def __init__(self, run: Run, recipe: Recipe, task: Task, trained: str, progress: Progress) -> None:
        self._run, self._recipe, self._task, self._id, self._progress = run, recipe, task, trained, progress
        self._lessons = test_lessons(run, recipe)
        self._judged: dict[tuple[str, str], Verdict] = {}

    @cached_property
    def prompts(self) -> list[tuple[Question, Prompt]]:
        """The test questions with their prompts."""
        return [(lesson.question, self._task.prompt(lesson.question)) for lesson in self._lessons]

    @property
    def asked(self) -> list[Asked]:
        """The test questions as a worker takes them."""
        return [
            Asked(
                id=question.id, collection=question.collection, instructions=given.instructions, question=given.question
            )
            for question, given in self.prompts
        ]

    @cached_property
    def trained(self) -> Side:
        """What the trained model answers, loaded in a fresh process as the stage *evaluate* loads it."""
        path = self._run.path(_KEPT)
        identity = content_id(self._id, dump_section(self._recipe.evaluate), [dump(one) for one in self.asked])
        kept = _read(path, identity)
        if kept is None:
            self._progress.say(f"the trained model answers {len(self.asked)} test questions")
            recipe = dump_section(self._recipe)
            kept = ask("trained", self._run.path("model"), self.asked, self._recipe.evaluate, recipe=recipe)
            write_json(path, {"id": identity, "answers": [dump(answer) for answer in kept]})
        return self._side(kept)

    def of(self, name: str, form: Form, folder: Path, file: str = "") -> dict[str, Any]:
        """Return what `parity.json` says of one form.

        Raises:
            ExportError: the export cannot be loaded or asked.
        """
        trained = self.trained
        self._progress.say(f"{name} answers the same questions in a fresh process")
        export = self._side(ask(form, folder, self.asked, self._recipe.evaluate, file=file))
        tokenizer = load_tokenizer(str(self._run.path("model")))
        return compare(
            trained,
            export,
            MARGINS[name],
            lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
            self._recipe.evaluate.bootstrap,
        )

    def _side(self, answers: list[Answer]) -> Side:
        return Side(answers, [self._verdict(place, answer) for place, answer in enumerate(answers)])

    def _verdict(self, place: int, answer: Answer) -> Verdict:
        """Judge an answer; the same text is judged once, so that only the models can differ."""
        lesson = self._lessons[place]
        key = (lesson.question.id, answer.text)
        if key not in self._judged:
            self._judged[key] = self._task.judge(lesson.question, lesson.label, answer.text)
        return self._judged[key]


def _read(path: Path, identity: str) -> list[Answer] | None:
    """Return the answers that were kept for this very content."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["id"] != identity:
            return None
        return [Answer.model_validate(answer) for answer in content["answers"]]
    except (OSError, ValueError, TypeError, KeyError):  # none yet, or damaged: it is asked again
        return None
