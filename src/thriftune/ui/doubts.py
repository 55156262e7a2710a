"""Why an accepted lesson may be wrong all the same, in words: what the teaching saw, and what the lesson itself shows.

These are reasons to look twice, not faults: a query may well leave out a number of its question.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence

from thriftune.recipe import Dataset
from thriftune.records import Lesson
from thriftune.similarity import alike
from thriftune.tasks.base import Found
from thriftune.teach.doubts import Doubt

_NEAR = Dataset().near_duplicate  # two questions are one to the split of the dataset, unless its recipe says otherwise
_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?![\w])")
_SAID = {
    "second_try": "It is the teacher's second try: the first was refused as {}",
    "split_vote": "Not all samples of the teacher agree: {}",
}
Doubts = dict[str, list[str]]  # a lesson's content id → sentences


def all_doubts(lessons: Mapping[str, Lesson], recorded: Mapping[str, Sequence[Doubt]]) -> Doubts:
    """Return the doubts about lessons that need no engine; a lesson without any is not in it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for seen, lesson in lessons.items():
        found[seen] += [_SAID[doubt.reason].format(doubt.detail) for doubt in recorded.get(lesson.question.id, ())]
        if missing := _missing_numbers(lesson):
            found[seen].append(f"The question says {', '.join(missing)}; the query does not")
    for seen, other in _contradicting(lessons):
        question = other.question
        found[seen].append(f"Nearly the same question has another query: “{question.text}” ({question.id})")
    return {seen: said for seen, said in found.items() if said}


def of_found(found: Found, everything: int | None) -> list[str]:
    """Return the doubts that running a lesson raises.

    Args:
        everything: how many there are to find; None where that is not known.
    """
    if found.fault:
        return [f"It does not run any more ({found.fault})"]
    if found.total == 0 and not found.figures:
        return ["It finds nothing, which every wrong query may do as well"]
    if found.total and found.total == everything and not found.figures:
        return [f"It finds everything there is ({everything:,}), so none of its conditions leaves anything out"]
    return []


def _missing_numbers(lesson: Lesson) -> list[str]:
    numbers = dict.fromkeys(_NUMBER.findall(lesson.question.text))
    return [number for number in numbers if number.replace(",", "") not in lesson.label]


def _contradicting(lessons: Mapping[str, Lesson]) -> list[tuple[str, Lesson]]:
    """Pairs of questions that the split would take for one, with two queries: each with the other lesson."""
    known = list(lessons.items())
    found = []
    for i, j, _ in alike([lesson.question.text for _, lesson in known], _NEAR):
        (one, first), (two, second) = known[i], known[j]
        if first.question.collection == second.question.collection and first.label != second.label:
            found += [(one, second), (two, first)]
    return found
