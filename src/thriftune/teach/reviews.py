"""What people decided about lessons: a layer above the record. `lessons.jsonl` itself never changes.

Decisions are appended to `reviews.jsonl`, an undo too. One belongs to the very lesson that was seen: when the teacher
answers anew, it waits until that lesson comes again.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from thriftune.records import Lesson, Record, dump
from thriftune.runs import Run, content_id, read_records

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


def standing(run: Run, lessons: Sequence[Lesson]) -> list[Review]:
    """Return the decisions on these lessons that were not undone, the latest last."""
    known = {id_of(lesson) for lesson in lessons}
    found: dict[str, Review] = {}
    for review in read_records(run.path(REVIEWS), Review) if run.path(REVIEWS).exists() else []:
        found.pop(review.seen, None)
        if review.action != "undo" and review.seen in known:
            found[review.seen] = review
    return list(found.values())


def reviewed(run: Run, lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons as people left them: without the rejected ones, edited ones in their new form."""
    decided = {review.seen: review for review in standing(run, lessons)}
    kept = []
    for lesson in lessons:
        review = decided.get(id_of(lesson))
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
