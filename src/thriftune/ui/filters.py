"""Which lessons the review page lists: by clause family and by what was decided."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from thriftune.records import Lesson
from thriftune.teach.reviews import Review
from thriftune.ui.desk import DONE

UNDECIDED, ANY = "undecided", "any"
VERDICTS = (UNDECIDED, *DONE.values(), ANY)


@dataclass
class Filter:
    """What a tab wants to see. `family` is `any` or a clause family; `verdict` one of `VERDICTS`."""

    family: str = ANY
    verdict: str = UNDECIDED

    def takes(self, lesson: Lesson, review: Review | None) -> bool:
        """Whether a lesson is listed."""
        now = review.lesson if review and review.lesson else lesson
        if self.family != ANY and self.family not in now.families:
            return False
        return self.verdict in (ANY, verdict_of(review))


def verdict_of(review: Review | None) -> str:
    """Return `undecided`, `accepted`, `edited` or `rejected`."""
    return DONE[review.action] if review else UNDECIDED


def listed(lessons: Mapping[str, Lesson], decisions: Mapping[str, Review], chosen: Filter) -> list[str]:
    """Return the ids of the lessons that a filter takes, in the record's order."""
    return [seen for seen, lesson in lessons.items() if chosen.takes(lesson, decisions.get(seen))]


def families(lessons: Mapping[str, Lesson]) -> dict[str, int]:
    """Return the clause families with how many lessons have each, the most frequent first."""
    return dict(Counter(family for lesson in lessons.values() for family in lesson.families).most_common())


def after(ids: list[str], order: list[str], seen: str, step: int = 1) -> str | None:
    """Return the listed lesson that follows `seen` in the record's order (or precedes it), wrapping around."""
    if not ids:
        return None
    place = {name: number for number, name in enumerate(order)}
    here = place.get(seen, -1)
    if step > 0:
        return next((name for name in ids if place[name] > here), ids[0])
    return next((name for name in reversed(ids) if place[name] < here), ids[-1])
