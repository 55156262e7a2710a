"""What to ask for next: the family with fewest questions. It follows from the seed and from what was accepted."""

import random
from collections import Counter
from dataclasses import dataclass
from math import ceil

from thriftune.recipe import Expand
from thriftune.records import Question, Record
from thriftune.similarity import shingles

ROUND = 4  # requests planned at a time; not `concurrency`, which may change without changing the plan
_FRUITLESS = 3  # requests without one new question after which a family is left alone
DIFFICULTIES = {
    "easy": "one condition, in a few words",
    "medium": "two or three conditions",
    "hard": "several conditions, or words that have to be understood before anything can be looked up",
}
Family = tuple[str, str]  # collection and clause family


@dataclass(frozen=True)
class Cell:
    """What one request asks for."""

    number: int
    collection: str
    family: str
    difficulty: str
    persona: str


class Asking(Record):
    """One request for questions: what was asked for, what came of it. One line of `asked.jsonl`."""

    number: int
    collection: str
    family: str
    difficulty: str
    persona: str
    fault: str = ""
    dropped: dict[str, int]
    questions: tuple[Question, ...] = ()


class Coverage:
    """Which questions there are, by family, and what is missing.

    Args:
        wanted: how many, how different, and the seed.
        families: all that may be asked for.
    """

    def __init__(self, wanted: Expand, families: list[Family]) -> None:
        self._wanted = wanted
        self.families = list(families)
        random.Random(wanted.seed).shuffle(self.families)
        self.asked: list[Asking] = []
        self.texts: dict[Family, list[str]] = {}
        self._shingles: dict[str, list[frozenset[tuple[str, ...]]]] = {}

    @property
    def count(self) -> int:
        """How many new questions there are."""
        return sum(map(len, self.texts.values()))

    def take(self, asked: Asking) -> None:
        """Count a request and its questions."""
        self.asked.append(asked)
        for question in asked.questions:
            self.texts.setdefault((asked.collection, asked.family), []).append(question.text)

    def see(self, collection: str, text: str) -> None:
        """Remember a question that new ones must differ from."""
        self._shingles.setdefault(collection, []).append(shingles(text))

    def is_near(self, collection: str, text: str) -> bool:
        """Tell whether a question is too like one that was seen."""
        own, least = shingles(text), self._wanted.near_duplicate
        return any(len(own & other) / len(own | other) >= least for other in self._shingles.get(collection, []))

    def plan(self, start: int) -> list[Cell]:
        """Return what a round asks for; nothing when enough is there or no family yields any more."""
        alive = [family for family in self.families if not self._is_spent(family)]
        missing = self._wanted.count - self.count
        planned: Counter[Family] = Counter()
        cells = []
        for number in range(start, start + min(ROUND, ceil(missing / self._wanted.each)) if alive else start):
            fewest = min(alive, key=lambda family: (self._number(family) + planned[family], self._requests(family)))
            planned[fewest] += self._wanted.each
            chance = random.Random(f"{self._wanted.seed}:{number}")
            difficulty = list(DIFFICULTIES)[number % len(DIFFICULTIES)]
            cells.append(Cell(number, *fewest, difficulty, chance.choice(self._wanted.personas)))
        return cells

    def _number(self, family: Family) -> int:
        return len(self.texts.get(family, []))

    def _requests(self, family: Family) -> int:
        return sum((asked.collection, asked.family) == family for asked in self.asked)

    def _is_spent(self, family: Family) -> bool:
        last = [asked for asked in self.asked if (asked.collection, asked.family) == family][-_FRUITLESS:]
        return len(last) == _FRUITLESS and not any(asked.questions for asked in last)
