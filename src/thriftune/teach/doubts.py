"""Why an accepted lesson may be wrong all the same: what was seen on the way to it, a line of `doubts.jsonl` each.

It is for whoever reviews the lessons; nothing else follows from it. A kill may leave a line twice, or one of a lesson
that came to nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from thriftune.files import read_records
from thriftune.records import Record, Reject

DOUBTS = "doubts.jsonl"


class Doubt(Record):
    """A doubt about the lesson of a question.

    Attributes:
        reason: `second_try`, an answer before it was refused; `split_vote`, not all samples agreed.
        detail: the fault of the refused answer, or how the samples fell.
    """

    question_id: str
    reason: Literal["second_try", "split_vote"]
    detail: str


def doubts_of(question_id: str, refused: Sequence[Reject], against: str) -> list[Doubt]:
    """Return the doubts about a lesson by the answers that were refused before it and by the samples against it."""
    found = [
        Doubt(question_id=question_id, reason="second_try", detail=f"{each.reason}: {each.detail}") for each in refused
    ]
    return found + ([Doubt(question_id=question_id, reason="split_vote", detail=against)] if against else [])


def read(path: Path) -> dict[str, list[Doubt]]:
    """Return the doubts of a file by question, each once.

    Raises:
        InputError: the file is damaged.
    """
    found: dict[str, dict[Doubt, None]] = {}
    for doubt in read_records(path, Doubt):
        found.setdefault(doubt.question_id, {})[doubt] = None
    return {question_id: list(doubts) for question_id, doubts in found.items()}
