"""What a tab's filter lists, in which order, and how to say so."""

from collections import Counter
from collections.abc import Mapping

from thriftune.records import Lesson, Reject
from thriftune.ui.desk import Desk
from thriftune.ui.filters import REFUSED, Filter, after, likes, listed


class Listing:
    """The lessons that a tab walks through; with the verdict `refused` the answers that did not become lessons."""

    def __init__(self, desk: Desk, chosen: Filter) -> None:
        self._desk, self._filter = desk, chosen
        self._likes: tuple[object, str, dict[str, float]] = (None, "", {})

    def walked(self) -> tuple[list[str], list[str]]:
        """Return the ids that the filter takes, and the order of all that they are among."""
        if self._filter.verdict == REFUSED:
            refused = list(self._desk.rejects())
            return refused, refused
        lessons = self._desk.lessons()
        if self._filter.like in lessons:
            lessons = {seen: lessons[seen] for seen in self._alike(lessons)}
        return listed(lessons, self._desk.decisions(), self._filter, self._desk.doubts()), list(lessons)

    def next(self, seen: str, step: int) -> str:
        """Return the id behind another, or before it; nothing where none is listed."""
        return after(*self.walked(), seen, step) or ""

    def free(self, seen: str, tab: str) -> str:
        """Return the next id that no other tab shows, if there is one."""
        ids, order = self.walked()
        elsewhere = self._desk.shown_elsewhere(tab)
        return after([other for other in ids if other not in elsewhere] or ids, order, seen) or ""

    def likeness(self, seen: str) -> float | None:
        """Return how like a lesson is to the one whose likes are listed; None where that is not asked."""
        lessons, like = self._desk.lessons(), self._filter.like
        return self._alike(lessons).get(seen) if like in lessons and like != seen else None

    def told(self) -> str:
        """Return what is listed, where it is not simply lessons in their order."""
        if self._filter.verdict == REFUSED:
            return _refused(self._desk.rejects())
        like = self._desk.lessons().get(self._filter.like)
        return f"{len(self.walked()[0]):,} listed like “{like.question.text}”. S lists all again." if like else ""

    def nothing(self) -> str:
        """Return what to say where nothing is listed."""
        if self._filter.verdict == REFUSED:
            return "The checks refused no answer of this run's teacher."
        if not self._desk.lessons():
            return "This run has no lessons yet. Run: thriftune teach RECIPE"
        if self._filter == Filter():
            return "Every lesson has its decision. The next `thriftune run` makes the dataset of them."
        return "No lesson is like that."

    def _alike(self, lessons: dict[str, Lesson]) -> dict[str, float]:
        if self._likes[0] is not lessons or self._likes[1] != self._filter.like:
            self._likes = (lessons, self._filter.like, likes(lessons, self._filter.like))
        return self._likes[2]


def _refused(rejects: Mapping[str, Reject]) -> str:
    reasons = Counter(reject.reason for reject in rejects.values()).most_common()
    counted = ", ".join(f"{count:,} as {reason}" for reason, count in reasons)
    return f"The checks refused {len(rejects):,} answers" + (f": {counted}" if counted else "")
