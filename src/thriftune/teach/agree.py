"""Several answers to one question: kept is what most of them say, compared by the results of running them."""

from collections.abc import Sequence
from dataclasses import dataclass

from thriftune.records import Lesson, Reject
from thriftune.tasks.base import Task

DISAGREEMENT = "disagreement"


@dataclass(frozen=True)
class Vote:
    """What several answers come to; `against` tells of those that did not agree with it, empty where all did."""

    result: Lesson | Reject
    against: str = ""


def agreed(task: Task, results: Sequence[Lesson | Reject]) -> Vote:
    """Return the first lesson of the majority, more than half of all answers; rejected ones agree with nothing.

    Without any lesson the first reject is returned; lessons without a majority are a reject called `disagreement`.
    """
    lessons = [result for result in results if isinstance(result, Lesson)]
    if not lessons or len(results) == 1:
        return Vote(results[0])
    groups: list[list[Lesson]] = []
    for lesson in lessons:
        group = next((group for group in groups if _same(task, group[0], lesson)), None)
        if group is None:
            groups.append([lesson])
        else:
            group.append(lesson)
    largest = max(groups, key=len)  # of equals the first, and none of them is a majority
    detail = f"{len(results)} answers: {len(groups)} different results, {len(results) - len(lessons)} rejected; "
    detail += f"the most frequent result came {len(largest)} times"
    if 2 * len(largest) > len(results):
        return Vote(largest[0], detail if len(largest) < len(results) else "")
    labels = "\n".join(group[0].label for group in groups)
    return Vote(Reject(question=lessons[0].question, reason=DISAGREEMENT, detail=detail, response=labels))


def _same(task: Task, first: Lesson, second: Lesson) -> bool:
    verdict = task.judge(first.question, first.label, second.label)
    return bool(verdict.execution_match if verdict.robust_match is None else verdict.robust_match)
