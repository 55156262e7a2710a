"""Stage *teach*: the teacher's answers → `lessons.jsonl` and `rejects.jsonl`, every answer in exactly one of them.

What speaks against a lesson that was accepted all the same is in `doubts.jsonl`.

Started again after a kill it goes on where the files end.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from thriftune.errors import InputError, TeacherError
from thriftune.files import append_record, read_records
from thriftune.progress import Progress
from thriftune.records import Lesson, Reject
from thriftune.runs import Run
from thriftune.tasks.base import Task
from thriftune.teach.agree import Vote, agreed
from thriftune.teach.doubts import DOUBTS, doubts_of
from thriftune.teach.teachers import OVER_BUDGET, Teacher, Unanswered
from thriftune.teach.verify import verify

LESSONS, REJECTS = "lessons.jsonl", "rejects.jsonl"


def teach(run: Run, task: Task, teacher: Teacher, progress: Progress, samples: int = 1) -> dict[str, Any]:
    """Verify every answer of the teacher, `samples` to a question; return figures for the manifest.

    Raises:
        InputError: nothing was accepted.
        TeacherError: the budget ended before all questions were asked; what came is kept.
    """
    landed = _Landed(run)
    try:
        _ask_all(task, teacher, progress, samples, landed)
    finally:  # what was paid is told whatever becomes of it
        figures = {"teacher": teacher.name, **landed.figures(), **_dear(teacher.figures(), len(landed.lessons))}
        run.so_far("teach", figures)
    if not landed.lessons:
        raise InputError(_nothing(run, landed.rejects))
    _tell(landed.rejects, progress)
    return figures


def _ask_all(task: Task, teacher: Teacher, progress: Progress, samples: int, landed: "_Landed") -> None:
    ballots: dict[str, list[Lesson | Reject]] = {}
    refused: dict[str, list[Reject]] = {}
    unasked: set[str] = set()
    total = teacher.count * samples  # here: a record that is damaged is told before anything is written
    for count, (question, response) in enumerate(teacher.answers(frozenset(landed.ids)), start=1):
        if question.id in landed.ids:
            continue
        if isinstance(response, Unanswered) and response.reason == OVER_BUDGET:
            unasked.add(question.id)
            continue
        result = verify(task, question, response)
        if isinstance(result, Reject) and isinstance(response, str) and teacher.again(question, response, result):
            refused.setdefault(question.id, []).append(result)
            continue
        ballots.setdefault(question.id, []).append(result)
        if len(ballots[question.id]) == samples:
            landed.add(agreed(task, ballots.pop(question.id)), refused.pop(question.id, []))
        progress(min(count, total), total, landed.text())
    if unasked:
        raise TeacherError(_stopped(len(unasked), teacher.count, len(landed.lessons)))


class _Landed:
    """What is in the two files."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.lessons = read_records(run.path(LESSONS), Lesson) if run.path(LESSONS).exists() else []
        self.rejects = read_records(run.path(REJECTS), Reject) if run.path(REJECTS).exists() else []
        self.ids = {lesson.question.id for lesson in self.lessons} | {reject.question.id for reject in self.rejects}

    def add(self, vote: Vote, refused: Sequence[Reject]) -> None:
        result = vote.result
        self.ids.add(result.question.id)
        if isinstance(result, Lesson):
            for doubt in doubts_of(result.question.id, refused, vote.against):
                append_record(self._run.path(DOUBTS), doubt)
            self.lessons.append(result)
            append_record(self._run.path(LESSONS), result)
        else:
            self.rejects.append(result)
            append_record(self._run.path(REJECTS), result)

    def text(self) -> str:
        return f"{len(self.lessons)} kept, {len(self.rejects)} rejected"

    def figures(self) -> dict[str, Any]:
        counts = Counter(reject.reason for reject in self.rejects)
        rate = {"acceptance_rate": round(len(self.lessons) / len(self.ids), 4)} if self.ids else {}
        meanings = len({lesson.question.meaning for lesson in self.lessons})
        return {"kept": len(self.lessons), "rejected": dict(counts), **rate, "meanings": meanings}


def _dear(figures: dict[str, Any], kept: int) -> dict[str, Any]:
    """Add what an accepted lesson cost, rejected ones and questions that led to nothing included."""
    return figures | ({"usd_per_lesson": round(figures["usd"] / kept, 6)} if kept and figures.get("usd") else {})


def _tell(rejects: list[Reject], progress: Progress) -> None:
    for reason, count in Counter(reject.reason for reject in rejects).most_common():
        first = next(reject for reject in rejects if reject.reason == reason)
        progress.say(f"rejected {count} as {reason}, such as {first.question.id}: {first.detail[:160]}")


def _stopped(unasked: int, total: int, kept: int) -> str:
    return (
        f"the budget ended before {unasked} of {total} questions were asked; {kept} lessons are kept. Raise "
        "teacher.budget_usd or teacher.budget_tokens and start again, or ask fewer: teacher.limit"
    )


def _nothing(run: Run, rejects: list[Reject]) -> str:
    if not rejects:
        return "the teacher gave no answers: teacher.lessons holds none"
    reasons = Counter(reject.reason for reject in rejects).most_common(3)
    counted = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    return f"none of {len(rejects)} answers became a lesson: {counted}. Each with its fault: {run.path(REJECTS)}"
