"""Which answers become lessons: those whose label parses, runs, and finds something."""

from thriftune.records import Lesson, Question, Reject
from thriftune.tasks.base import Task
from thriftune.teach.parse import Malformed, parse
from thriftune.teach.teachers import Unanswered


def verify(task: Task, question: Question, response: str | Unanswered) -> Lesson | Reject:
    """Return the lesson, or the reject with the first check it failed.

    A label that finds nothing is rejected as `empty_result`: it proves nothing, and equals every other empty answer.
    """
    if isinstance(response, Unanswered):
        return Reject(question=question, reason=response.reason, detail=response.detail, response="")
    parsed = parse(response)
    if isinstance(parsed, Malformed):
        return Reject(question=question, reason=parsed.reason, detail=parsed.detail, response=response)
    verdict = task.check(question, parsed.label)
    if not verdict.valid:
        return Reject(question=question, reason=verdict.fault, detail=verdict.detail, response=response)
    if verdict.gold_empty:
        return Reject(question=question, reason="empty_result", detail="the label finds nothing", response=response)
    label = task.tidy(parsed.label)
    return Lesson(question=question, rationale=parsed.rationale, label=label, families=task.families(label))
