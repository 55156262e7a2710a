"""The untouched student with examples in its prompt (few-shot): what fine-tuning has to beat."""

import random
from collections.abc import Sequence
from typing import Any

from thriftune.prompts import Prompt
from thriftune.records import Lesson, Question
from thriftune.tasks.base import Task


class WithExamples:
    """A task whose prompts show `count` lessons of the question's collection; all else is the task's own.

    The examples are drawn once for each collection, one a meaning, and stand behind the instructions, so that they are
    part of the prefix that is read once.
    """

    def __init__(self, task: Task, lessons: Sequence[Lesson], count: int, seed: int) -> None:
        self._task = task
        self._shown: dict[str, str] = {}
        for collection in {lesson.question.collection for lesson in lessons}:
            meanings = {x.question.meaning: x for x in reversed(lessons) if x.question.collection == collection}
            drawn = random.Random(seed).sample(sorted(meanings), min(count, len(meanings)))
            self._shown[collection] = "".join(map(self._example, (meanings[meaning] for meaning in drawn)))

    def _example(self, lesson: Lesson) -> str:
        return f"\n\nQuestion: {self._task.prompt(lesson.question).question}\nAnswer: {lesson.label}"

    def prompt(self, question: Question) -> Prompt:
        """Return the task's prompt with examples behind the instructions."""
        prompt = self._task.prompt(question)
        return Prompt(prompt.instructions + self._shown.get(question.collection, ""), prompt.question)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)
