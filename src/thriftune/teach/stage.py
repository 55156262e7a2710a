"""Stage *teach*: the teacher's answers → `lessons.jsonl` and `rejects.jsonl`, every answer in exactly one of them.

Started again after a kill it goes on where the files end.
"""

from collections import Counter
from typing import Any

from thriftune.errors import InputError, TeacherError
from thriftune.progress import Progress
from thriftune.records import Lesson, Reject
from thriftune.runs import Run, append_record, read_records
from thriftune.tasks.base import Task
from thriftune.teach.teachers import OVER_BUDGET, Teacher, Unanswered
from thriftune.teach.verify import verify

LESSONS, REJECTS = "lessons.jsonl", "rejects.jsonl"


def teach(run: Run, task: Task, teacher: Teacher, progress: Progress) -> dict[str, Any]:
    """Verify every answer of the teacher; return figures for the manifest.

    Raises:
        InputError: nothing was accepted.
        TeacherError: the budget ended before all questions were asked; what came is kept.
    """
    lessons = read_records(run.path(LESSONS), Lesson) if run.path(LESSONS).exists() else []
    rejects = read_records(run.path(REJECTS), Reject) if run.path(REJECTS).exists() else []
    done = {lesson.question.id for lesson in lessons} | {reject.question.id for reject in rejects}
    total, unasked = teacher.count, 0
    for count, (question, response) in enumerate(teacher.answers(frozenset(done)), start=1):
        if question.id in done:
            continue
        if isinstance(response, Unanswered) and response.reason == OVER_BUDGET:
            unasked += 1
            continue
        result = verify(task, question, response)
        if isinstance(result, Reject) and isinstance(response, str) and teacher.again(question, response, result):
            continue
        done.add(question.id)
        if isinstance(result, Lesson):
            lessons.append(result)
            append_record(run.path(LESSONS), result)
        else:
            rejects.append(result)
            append_record(run.path(REJECTS), result)
        progress(min(count, total), total, f"{len(lessons)} kept, {len(rejects)} rejected")
    if unasked:
        raise TeacherError(_stopped(unasked, total, len(lessons)))
    if not lessons:
        raise InputError(_nothing(run, rejects))
    for reason, count in Counter(reject.reason for reject in rejects).most_common():
        first = next(reject for reject in rejects if reject.reason == reason)
        progress.say(f"rejected {count} as {reason}, such as {first.question.id}: {first.detail[:160]}")
    return {
        "teacher": teacher.name,
        "kept": len(lessons),
        "rejected": dict(Counter(reject.reason for reject in rejects)),
        "meanings": len({lesson.question.meaning for lesson in lessons}),
        **teacher.figures(),
    }


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
