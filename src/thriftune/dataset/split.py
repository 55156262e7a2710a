"""Split by meaning: paraphrases, equal labels and near-duplicate questions never straddle train, valid and test."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from thriftune.recipe import Dataset
from thriftune.records import Lesson
from thriftune.similarity import alike


@dataclass(frozen=True)
class Split:
    """The three parts, and how many groups of one meaning there are."""

    train: list[Lesson]
    valid: list[Lesson]
    test: list[Lesson]
    groups: int

    def parts(self) -> dict[str, list[Lesson]]:
        """Return the parts by name."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def split(lessons: Sequence[Lesson], settings: Dataset) -> Split:
    """Divide lessons by groups of meaning; test and valid keep one wording of each group, the first.

    The shares are of groups within each collection, so a collection with enough groups is in every part.
    """
    groups = _groups(lessons, settings.near_duplicate)
    by_collection: dict[str, list[list[Lesson]]] = defaultdict(list)
    for group in groups:
        by_collection[group[0].question.collection].append(group)
    parts: dict[str, list[Lesson]] = {"train": [], "valid": [], "test": []}
    for name in sorted(by_collection):
        members = by_collection[name]
        random.Random(f"{settings.seed}:{name}").shuffle(members)
        tests, valids = round(settings.test * len(members)), round(settings.valid * len(members))
        for index, group in enumerate(members):
            part = "test" if index < tests else "valid" if index < tests + valids else "train"
            parts[part] += group if part == "train" else group[:1]
    return Split(parts["train"], parts["valid"], parts["test"], len(groups))


def leaks(result: Split, near: float) -> list[tuple[str, str, str]]:
    """Return (reason, question id, question id) for every pair that straddles parts: the check of `split`."""
    rows = [(name, lesson) for name, part in result.parts().items() for lesson in part]
    found = []
    for reason, key in (("meaning", _meaning), ("label", _label), ("question", _text)):
        seen: dict[object, tuple[str, Lesson]] = {}
        for name, lesson in rows:
            first, other = seen.setdefault(key(lesson), (name, lesson))
            if first != name:
                found.append((reason, other.question.id, lesson.question.id))
    for i, j, _ in alike([lesson.question.text for _, lesson in rows], near):
        same_collection = rows[i][1].question.collection == rows[j][1].question.collection
        if rows[i][0] != rows[j][0] and same_collection:
            found.append(("near duplicate", rows[i][1].question.id, rows[j][1].question.id))
    return found


def _groups(lessons: Sequence[Lesson], near: float) -> list[list[Lesson]]:
    parent = list(range(len(lessons)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for key in (_meaning, _label, _text):
        first: dict[object, int] = {}
        for index, lesson in enumerate(lessons):
            parent[root(index)] = root(first.setdefault(key(lesson), index))
    for i, j, _ in alike([lesson.question.text for lesson in lessons], near):
        if lessons[i].question.collection == lessons[j].question.collection:
            parent[root(j)] = root(i)
    groups: dict[int, list[Lesson]] = defaultdict(list)
    for index, lesson in enumerate(lessons):
        groups[root(index)].append(lesson)
    return list(groups.values())


def _meaning(lesson: Lesson) -> object:
    return lesson.question.meaning


def _label(lesson: Lesson) -> object:
    return lesson.question.collection, lesson.label


def _text(lesson: Lesson) -> object:
    return lesson.question.collection, " ".join(lesson.question.text.lower().split())
