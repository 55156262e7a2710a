"""Which lessons the review page lists: by clause family, by what was decided or doubted, by likeness to one."""

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass

from thriftune.records import Lesson
from thriftune.similarity import nearest
from thriftune.teach.reviews import Review
from thriftune.ui.desk import DONE

UNDECIDED, ANY, DOUBTED, REFUSED = "undecided", "any", "doubted", "refused"
VERDICTS = {
    UNDECIDED: "undecided",
    DOUBTED: "undecided, with doubts",
    **{done: done for done in DONE.values()},
    ANY: "any",
    REFUSED: "refused by the checks",
}
_LEAST, _MOST = 0.15, 30  # below it questions have a common word or two; more of them nobody walks through


@dataclass
class Filter:
    """What a tab wants to see.

    Attributes:
        family: `any` or a clause family.
        verdict: one of `VERDICTS`; `refused` are not lessons but the answers that the checks refused.
        like: the id of the lesson whose likes are wanted, the most alike first; empty for all in the record's order.
    """

    family: str = ANY
    verdict: str = UNDECIDED
    like: str = ""

    def takes(self, lesson: Lesson, review: Review | None, doubted: bool = False) -> bool:
        """Whether a lesson is listed."""
        now = review.lesson if review and review.lesson else lesson
        if self.family != ANY and self.family not in now.families:
            return False
        if self.verdict == DOUBTED:
            return doubted and review is None
        return self.verdict in (ANY, verdict_of(review))


def verdict_of(review: Review | None) -> str:
    """Return `undecided`, `accepted`, `edited` or `rejected`."""
    return DONE[review.action] if review else UNDECIDED


def listed(
    lessons: Mapping[str, Lesson], decisions: Mapping[str, Review], chosen: Filter, doubted: Container[str] = ()
) -> list[str]:
    """Return the ids of the lessons that a filter takes, in their order."""
    return [seen for seen, lesson in lessons.items() if chosen.takes(lesson, decisions.get(seen), seen in doubted)]


def likes(lessons: Mapping[str, Lesson], like: str) -> dict[str, float]:
    """Return how like others are to a lesson, itself first: those of its meaning, then those of like words."""
    own = lessons[like].question
    there = {seen: lesson.question for seen, lesson in lessons.items() if lesson.question.collection == own.collection}
    ids = list(there)
    alike = {ids[index]: degree for index, degree in nearest(own.text, [each.text for each in there.values()], _LEAST)}
    meant = [seen for seen, question in there.items() if question.meaning == own.meaning]
    order = dict.fromkeys([like, *(seen for seen in alike if seen in meant), *meant, *list(alike)[:_MOST]])
    return {seen: alike.get(seen, 0.0) for seen in order}


def families(lessons: Mapping[str, Lesson]) -> dict[str, int]:
    """Return the clause families with how many lessons have each, the most frequent first."""
    return dict(Counter(family for lesson in lessons.values() for family in lesson.families).most_common())


def after(ids: list[str], order: list[str], seen: str, step: int = 1) -> str | None:
    """Return the listed lesson that follows `seen` in an order of all (or precedes it), wrapping around."""
    if not ids:
        return None
    place = {name: number for number, name in enumerate(order)}
    here = place.get(seen, -1)
    if step > 0:
        return next((name for name in ids if place[name] > here), ids[0])
    return next((name for name in reversed(ids) if place[name] < here), ids[-1])
