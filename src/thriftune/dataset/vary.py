"""Variants of training lessons: the same question about other values, each checked by running it.

They teach a student to copy what the question names. They never come near a held-out question, and have no
rationale: only the label is known to be right.
"""

from collections.abc import Iterator

from thriftune.dataset.split import Split
from thriftune.progress import Progress
from thriftune.recipe import Dataset
from thriftune.records import Lesson, Question
from thriftune.similarity import shingles
from thriftune.tasks.base import Task

_MARK = "~"


def is_variant(lesson: Lesson) -> bool:
    """Tell whether a lesson is a variant of another."""
    return _MARK in lesson.question.id


def vary(task: Task, parts: Split, settings: Dataset, progress: Progress) -> list[Lesson]:
    """Return up to `settings.variants` variants of each training lesson; some lessons allow none."""
    kept = _Kept(parts, settings.near_duplicate)
    made: list[Lesson] = []
    for count, lesson in enumerate(parts.train, start=1):
        wanted = settings.variants
        for text, label in task.variants(lesson.question, lesson.label, f"{settings.seed}:{lesson.question.id}"):
            question = lesson.question.model_copy(update={"id": f"{lesson.question.id}{_MARK}{wanted}", "text": text})
            if not wanted:
                break
            if kept.is_new(question, label) and _hits(task, question, label):
                kept.add(question)
                made.append(Lesson(question=question, rationale="", label=label, families=lesson.families))
                wanted -= 1
        progress(count, len(parts.train), f"{len(made)} variants")
    return made


def _hits(task: Task, question: Question, label: str) -> bool:
    verdict = task.check(question, label)
    return verdict.valid and not verdict.gold_empty


class _Kept:
    """What variants must differ from: any question there is, any held-out label, anything like a held-out question."""

    def __init__(self, parts: Split, near: float) -> None:
        self._near = near
        every = [lesson for part in parts.parts().values() for lesson in part]
        held = [*parts.valid, *parts.test]
        self._texts = {_key(lesson.question, lesson.question.text) for lesson in every}
        self._labels = {_key(lesson.question, lesson.label) for lesson in held}
        self._held = [(lesson.question.collection, shingles(lesson.question.text)) for lesson in held]

    def is_new(self, question: Question, label: str) -> bool:
        if _key(question, question.text) in self._texts or _key(question, label) in self._labels:
            return False
        own = shingles(question.text)
        return all(len(own & other) / len(own | other) < self._near for other in self._others(question))

    def add(self, question: Question) -> None:
        self._texts.add(_key(question, question.text))

    def _others(self, question: Question) -> Iterator[frozenset[tuple[str, ...]]]:
        return (other for collection, other in self._held if collection == question.collection)


def _key(question: Question, text: str) -> tuple[str, str]:
    return question.collection, " ".join(text.lower().split())
