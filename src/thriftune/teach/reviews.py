"""What people decided about lessons: a layer above the record. `lessons.jsonl` itself never changes.

Decisions are appended to `reviews.jsonl`, an undo too. One belongs to the very lesson that was seen: when the teacher
answers anew, it waits until that lesson comes again.
"""

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from thriftune.files import content_id, in_turn, read_records
from thriftune.records import Lesson, Record, dump
from thriftune.runs import Run

REVIEWS = "reviews.jsonl"


class Review(Record):
    """One decision. `seen` is the content id of the lesson; `lesson` is what an edit puts in its place."""

    question_id: str
    seen: str
    action: Literal["accept", "edit", "reject", "undo"]
    lesson: Lesson | None = None


def id_of(lesson: Lesson) -> str:
    """Return the content id that a decision refers to."""
    return content_id(dump(lesson))


@contextmanager
def holding(run: Run) -> Iterator[None]:
    """Hold the layer for one decision: terminals and browser tabs that decide at once write one after the other.

    Raises:
        RunError: the run folder may not be written.
    """
    with in_turn(run.path(REVIEWS)):
        yield


def standing(run: Run, lessons: Sequence[Lesson]) -> list[Review]:
    """Return the decisions on these lessons that were not undone, the latest last."""
    return list(decided(run, {id_of(lesson) for lesson in lessons}).values())


def decided(run: Run, known: Container[str] | None = None) -> dict[str, Review]:
    """Return the decisions that were not undone by their lessons' ids, the latest last; all, or of those known."""
    found: dict[str, Review] = {}
    for review in read_records(run.path(REVIEWS), Review) if run.path(REVIEWS).exists() else []:
        found.pop(review.seen, None)
        if review.action != "undo" and (known is None or review.seen in known):
            found[review.seen] = review
    return found


def reviewed(run: Run, lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons as people left them: without the rejected ones, edited ones in their new form."""
    decisions = decided(run, {id_of(lesson) for lesson in lessons})
    kept = []
    for lesson in lessons:
        review = decisions.get(id_of(lesson))
        if review is None or review.action != "reject":
            kept.append(review.lesson if review and review.lesson else lesson)
    return kept


def figures(run: Run, lessons: Sequence[Lesson]) -> dict[str, Any]:
    """Return how many lessons were accepted, edited and rejected, for the manifest; nothing without a review."""
    counts = Counter(review.action for review in standing(run, lessons))
    return {"reviewed": dict(counts)} if counts else {}


def changes(run: Run, lessons: Sequence[Lesson]) -> list[dict[str, Any]]:
    """Return what reviews change, for content ids: an accepted lesson is the same lesson."""
    return sorted(
        (dump(review) for review in standing(run, lessons) if review.action != "accept"), key=lambda data: data["seen"]
    )
