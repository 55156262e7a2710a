"""Questions from nothing: a live teacher is asked for new ones, by family, difficulty and persona.

Asked in rounds. Every reply is appended to `asked.jsonl` in the run folder before the next is looked at, so a second
start goes on with the same plan.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import count
from math import ceil
from pathlib import Path
from typing import Any

from thriftune.errors import TeacherError
from thriftune.files import append_record, read_records
from thriftune.recipe import Teacher as Settings
from thriftune.records import Question
from thriftune.tasks.base import Outline
from thriftune.teach import listing
from thriftune.teach.coverage import DIFFICULTIES, ROUND, Asking, Cell, Coverage
from thriftune.teach.ledger import Usage, estimate
from thriftune.teach.requests import Request, chat
from thriftune.teach.teachers import OVER_BUDGET, Unanswered

ASKED = "asked.jsonl"
_DOCUMENTS, _LONGEST_DOCUMENT, _SHOWN = 3, 600, 10
_JOB = "You think up questions that people would ask of the data below, as they would type them.\n"
_WANTED = """Some of the data:
{documents}

Write {each} different questions that could come from {persona}.
Kind of question: {sentence}
Difficulty: {difficulty}.
Each must be answerable from this data alone and name real values of it.
Write one question a line, without answers.{known}"""


class Expansion:
    """Finds `settings.expand.count` new questions.

    Args:
        settings: the recipe's teacher.
        outlines: what may be asked of each collection.
        own: the user's questions: new ones must differ from them.
        path: `asked.jsonl`, where replies are kept.
    """

    def __init__(self, settings: Settings, outlines: dict[str, Outline], own: list[Question], path: Path) -> None:
        self._settings, self._wanted = settings, settings.expand
        self._outlines, self._path = outlines, path
        self._ids = {question.meaning for question in own}
        families = [(name, family) for name, outline in outlines.items() for family in outline.families]
        self._coverage = Coverage(self._wanted, families)
        for question in own:
            self._coverage.see(question.collection, question.text)

    @property
    def count(self) -> int:
        """How many questions are wanted."""
        return self._wanted.count

    @property
    def most_requests(self) -> int:
        """How many requests are sent at most, if many questions have to be dropped."""
        return ROUND * ceil(2 * self._wanted.count / self._wanted.each / ROUND) + ROUND

    def questions(self, together: Callable[[list[Request]], list[str | Unanswered]]) -> list[Question]:
        """Return the new questions; `together` sends requests and returns their responses in order.

        Raises:
            TeacherError: the budget ended.
        """
        known = {asked.number: asked for asked in self._record()}
        for asked in known.values():
            for question in asked.questions:
                self._coverage.see(asked.collection, question.text)
        for start in count(0, ROUND):
            cells = self._coverage.plan(start)[: self.most_requests - len(self._coverage.asked)]
            if not cells:
                break
            requests = {cell: self._next(cell) for cell in cells}  # before anything of this round is accepted
            todo = [cell for cell in cells if cell.number not in known]
            replies = dict(zip(todo, together([requests[cell] for cell in todo]), strict=True))
            for cell in cells:
                self._coverage.take(known.get(cell.number) or self._kept(cell, replies[cell]))
        return [question for asked in self._coverage.asked for question in asked.questions]

    def figures(self) -> dict[str, Any]:
        """Return what was asked, kept and dropped, for the manifest."""
        kept = self._coverage.asked
        dropped = sum((Counter(asked.dropped) for asked in kept), Counter())
        families = sorted(self._coverage.texts.items())
        return {
            "wanted": self._wanted.count,
            "questions": self._coverage.count,
            "requests": len(kept),
            "faults": dict(Counter(asked.fault for asked in kept if asked.fault)),
            "dropped": dict(dropped.most_common()),
            "families": {f"{collection}: {family}": len(texts) for (collection, family), texts in families},
        }

    def bill(self) -> Usage:
        """Return the most that the requests for questions are expected to use."""
        hardest = max(DIFFICULTIES, key=lambda name: len(DIFFICULTIES[name]))
        documents, known = ["x" * _LONGEST_DOCUMENT] * _DOCUMENTS, ["x" * listing.LONGEST] * _SHOWN
        most = Usage()
        for collection, family in self._coverage.families:
            cell = Cell(0, collection, family, hardest, max(self._wanted.personas, key=len))
            used = estimate(self._request(cell, documents, known))
            most = Usage(max(most.prompt, used.prompt), used.completion)
        return most * self.most_requests

    def longest(self) -> Iterator[Question]:
        """Yield the longest question that may come, of each collection: what its answer costs bounds the bill."""
        for collection in self._outlines:
            yield Question(id="longest", collection=collection, text="x" * listing.LONGEST, meaning="longest")

    def _record(self) -> list[Asking]:
        return read_records(self._path, Asking) if self._path.exists() else []

    def _next(self, cell: Cell) -> Request:
        """The request of a cell as things stand: drawn documents, and what is not to be written again."""
        samples = self._outlines[cell.collection].samples
        chance = random.Random(f"{self._wanted.seed}:{cell.number}:documents")
        documents = chance.sample(samples, min(_DOCUMENTS, len(samples)))
        return self._request(cell, documents, self._coverage.texts.get((cell.collection, cell.family), [])[-_SHOWN:])

    def _request(self, cell: Cell, documents: list[str], known: list[str]) -> Request:
        outline = self._outlines[cell.collection]
        text = _WANTED.format(
            documents="\n".join(document[:_LONGEST_DOCUMENT] for document in documents),
            each=self._wanted.each,
            persona=cell.persona,
            sentence=outline.families[cell.family],
            difficulty=DIFFICULTIES[cell.difficulty],
            known="\nThese are there already; write others:\n" + "\n".join(known) if known else "",
        )
        messages = [{"role": "system", "content": _JOB + outline.about}, {"role": "user", "content": text}]
        return chat(self._settings, messages, self._wanted.temperature)

    def _kept(self, cell: Cell, reply: str | Unanswered) -> Asking:
        """Sort a reply out and put it on record."""
        if isinstance(reply, Unanswered) and reply.reason == OVER_BUDGET:
            raise TeacherError(
                f"the budget ended after {self._coverage.count} of {self.count} new questions were found. Raise "
                "teacher.budget_usd or teacher.budget_tokens and start again, or want fewer: teacher.expand.count"
            )
        listed = listing.Listed(fault=reply.reason) if isinstance(reply, Unanswered) else listing.read(reply)
        dropped = Counter(listed.dropped)
        texts = list(self._new(cell, listed.texts, dropped))
        questions = tuple(self._question(cell, text, index) for index, text in enumerate(texts))
        asked = Asking(**asdict(cell), fault=listed.fault, dropped=dict(dropped), questions=questions)
        append_record(self._path, asked)
        return asked

    def _new(self, cell: Cell, texts: tuple[str, ...], dropped: Counter[str]) -> Iterator[str]:
        room = self._wanted.count - self._coverage.count
        for text in texts:
            if self._coverage.is_near(cell.collection, text):
                dropped["near_duplicate"] += 1
            elif not room:
                dropped["more_than_wanted"] += 1
            else:
                room -= 1
                self._coverage.see(cell.collection, text)
                yield text

    def _question(self, cell: Cell, text: str, index: int) -> Question:
        identity = f"new-{cell.number:04}-{index}"
        while identity in self._ids:  # the user has one of this name
            identity += "-"
        return Question(id=f"{identity}.0", collection=cell.collection, text=text, meaning=identity)
