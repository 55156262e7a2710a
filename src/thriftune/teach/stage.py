"""Stage *teach*: the teacher's answers → `lessons.jsonl` and `rejects.jsonl`, every answer in exactly one of them.

Started again after a kill it goes on where the files end.
"""

from collections import Counter
from typing import Any

from thriftune.errors import InputError
from thriftune.progress import Progress
from thriftune.records import Lesson, Reject
from thriftune.runs import Run, append_record, read_records
from thriftune.tasks.base import Task
from thriftune.teach.teachers import Teacher
from thriftune.teach.verify import verify

LESSONS, REJECTS = "lessons.jsonl", "rejects.jsonl"


def teach(run: Run, task: Task, teacher: Teacher, progress: Progress) -> dict[str, Any]:
    """Verify every answer of the teacher; return figures for the manifest.

    Raises:
        InputError: nothing was accepted.
    """
    lessons = read_records(run.path(LESSONS), Lesson) if run.path(LESSONS).exists() else []
    rejects = read_records(run.path(REJECTS), Reject) if run.path(REJECTS).exists() else []
    done = {lesson.question.id for lesson in lessons} | {reject.question.id for reject in rejects}
    answers = list(teacher.answers())
    for count, (question, response) in enumerate(answers, start=1):
        if question.id in done:
            continue
        done.add(question.id)
        result = verify(task, question, response)
        if isinstance(result, Lesson):
            lessons.append(result)
            append_record(run.path(LESSONS), result)
        else:
            rejects.append(result)
            append_record(run.path(REJECTS), result)
        progress(count, len(answers), f"{len(lessons)} kept, {len(rejects)} rejected")
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
    }


def _nothing(run: Run, rejects: list[Reject]) -> str:
    if not rejects:
        return "the teacher gave no answers: teacher.lessons holds none"
    reasons = Counter(reject.reason for reject in rejects).most_common(3)
    counted = ", ".join(f"{reason} ({count})" for reason, count in reasons)
    return f"none of {len(rejects)} answers became a lesson: {counted}. Each with its fault: {run.path(REJECTS)}"
