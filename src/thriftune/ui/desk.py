"""Decisions on a run's lessons by several tabs at once: none is lost, and none overrules another unseen.

A decision goes to `reviews.jsonl`, where `thriftune teach --review` writes too. It says which decision stood when the
lesson was shown; if another has been made since, it is refused, and the tab shows the lesson as it stands now.
"""

from pathlib import Path
from typing import Literal

from thriftune.files import append_record, content_id, read_records
from thriftune.records import Lesson, Reject, dump
from thriftune.runs import Run
from thriftune.teach import doubts as recorded
from thriftune.teach.doubts import DOUBTS, Doubt
from thriftune.teach.reviews import REVIEWS, Review, decided, holding, id_of
from thriftune.ui.doubts import Doubts, all_doubts
from thriftune.ui.watched import Watched

Action = Literal["accept", "edit", "reject"]
DONE = {"accept": "accepted", "edit": "edited", "reject": "rejected"}


class Overtaken(Exception):
    """Another decision was made since the lesson was shown; the text is for the person."""


class Desk:
    """The lessons of one run with their decisions. Shared by all tabs."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._lessons = Watched(run.path("lessons.jsonl"), _by_id, dict[str, Lesson])
        self._rejects = Watched(run.path("rejects.jsonl"), _rejects, dict[str, Reject])
        self._recorded = Watched(run.path(DOUBTS), recorded.read, dict[str, list[Doubt]])
        self._doubted: tuple[object, object, Doubts] = (None, None, {})
        self._decisions = Watched(run.path(REVIEWS), self._read, dict[str, Review])
        self._tabs: dict[str, str] = {}  # decision → the tab that made it
        self._shown: dict[str, str] = {}  # tab → the lesson before it

    def lessons(self) -> dict[str, Lesson]:
        """Return the lessons by their content ids, as the record has them."""
        return self._lessons.value()

    def decisions(self) -> dict[str, Review]:
        """Return the decisions that stand, by the lessons' content ids, the latest last."""
        known = self.lessons()
        return {seen: review for seen, review in self._decisions.value().items() if seen in known}

    def rejects(self) -> dict[str, Reject]:
        """Return the answers that the checks refused, by their content ids."""
        return self._rejects.value()

    def doubts(self) -> Doubts:
        """Return why lessons may be wrong, by their content ids: what can be told without running them."""
        lessons, known = self.lessons(), self._recorded.value()
        if self._doubted[0] is not lessons or self._doubted[1] is not known:  # neither is changed in place
            self._doubted = (lessons, known, all_doubts(lessons, known))
        return self._doubted[2]

    def decide(
        self, tab: str, seen: str, action: Action, expected: Review | None, edited: Lesson | None = None
    ) -> None:
        """Write a decision.

        Args:
            expected: the decision that stood when the tab showed the lesson.

        Raises:
            Overtaken: another stands now, or the teacher answered anew.
            RunError: the run folder cannot be written.
        """
        with holding(self.run):
            lesson, standing = self.lessons().get(seen), self.decisions().get(seen)
            if lesson is None:
                raise Overtaken("The teacher has answered anew: this lesson is not there any more.")
            if standing != expected:
                raise Overtaken(f"Meanwhile it was {DONE[standing.action] if standing else 'undone'} elsewhere.")
            review = Review(question_id=lesson.question.id, seen=seen, action=action, lesson=edited)
            append_record(self.run.path(REVIEWS), review)
        self._tabs[seen] = tab

    def undo(self, tab: str) -> Review | None:
        """Take back this tab's latest decision, or else the latest that no tab open now has made; return it."""
        with holding(self.run):
            standing = list(self.decisions().values())
            own = [review for review in standing if self._tabs.get(review.seen) == tab]
            found = own or [review for review in standing if review.seen not in self._tabs]
            if not found:
                return None
            last = found[-1]
            append_record(self.run.path(REVIEWS), Review(question_id=last.question_id, seen=last.seen, action="undo"))
        self._tabs.pop(last.seen, None)
        return last

    def show(self, tab: str, seen: str) -> None:
        """Note which lesson a tab shows, so that other tabs are led to other lessons."""
        self._shown[tab] = seen

    def shown_elsewhere(self, tab: str) -> set[str]:
        """Return the lessons that other tabs show."""
        return {seen for other, seen in self._shown.items() if other != tab}

    def leave(self, tab: str) -> None:
        """Forget a tab: its lesson is free, and its decisions may be undone by any other."""
        self._shown.pop(tab, None)
        self._tabs = {seen: other for seen, other in self._tabs.items() if other != tab}

    def _read(self, _: Path) -> dict[str, Review]:
        return decided(self.run)


def _rejects(path: Path) -> dict[str, Reject]:
    return {content_id(dump(reject)): reject for reject in read_records(path, Reject)}


def _by_id(path: Path) -> dict[str, Lesson]:
    return {id_of(lesson): lesson for lesson in read_records(path, Lesson)}
