"""Who answers questions. A teacher yields raw responses; whether they become lessons is decided elsewhere."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from thriftune.errors import InputError
from thriftune.records import Question, Record, Reject
from thriftune.runs import read_lines, validated

_DEMO = Path(__file__).parent.parent / "demo" / "lessons"


def _unicode(text: str) -> str:
    text.encode()  # half of a surrogate pair raises, and no tokenizer takes it
    return text


Wording = Annotated[str, Field(min_length=1), AfterValidator(_unicode)]


class Recorded(Record):
    """One line of a file of recorded answers: one response, and all wordings of the question it answers."""

    id: str
    collection: str
    questions: Annotated[tuple[Wording, ...], Field(min_length=1)]
    response: str


OVER_BUDGET = "over_budget"


@dataclass(frozen=True)
class Unanswered:
    """Why a question got no response: `teacher_error`, `no_response` or `over_budget`, and a sentence."""

    reason: str
    detail: str


class Teacher(Protocol):
    """The contract of a teacher."""

    name: str

    @property
    def count(self) -> int:
        """How many questions there are."""

    def answers(self, done: Collection[str] = ()) -> Iterator[tuple[Question, str | Unanswered]]:
        """Yield questions with raw responses; those whose id is in `done` may be left out."""

    def again(self, question: Question, response: str, fault: Reject) -> bool:
        """Take a response back with what is wrong with it; return whether another one will come."""

    def figures(self) -> dict[str, Any]:
        """Return what the answers cost, for the manifest."""


class RecordedTeacher:
    """Reads answers that a large language model wrote earlier. Needs no network.

    Args:
        lessons: files, or `demo:NAME` for the embedded ones.
        limit: take the first so many questions of each file.
    """

    name = "recorded"

    def __init__(self, lessons: list[str], limit: int | None = None) -> None:
        self._paths = [path_of(item) for item in lessons]
        self._limit = limit

    @property
    def count(self) -> int:
        """How many questions there are."""
        return sum(1 for _ in self.answers())

    def again(self, question: Question, response: str, fault: Reject) -> bool:
        """A record does not change."""
        return False

    def figures(self) -> dict[str, Any]:
        """Nothing is paid."""
        return {}

    def answers(self, done: Collection[str] = ()) -> Iterator[tuple[Question, str]]:
        """Yield each wording with the response that answers it.

        Raises:
            InputError: a line is not a record, or an id comes twice; names file, line and key.
        """
        places: dict[str, str] = {}
        for path in self._paths:
            count = 0
            for number, value in read_lines(path, whole=True):
                record = validated(Recorded, value, path, number)
                if record.id in places:
                    raise InputError(f"{path}:{number}: id: {record.id!r} stands at {places[record.id]} already")
                places[record.id] = f"{path}:{number}"
                for index, text in enumerate(record.questions):
                    if self._limit is None or count < self._limit:
                        count += 1
                        identity = f"{record.id}.{index}"
                        yield (
                            Question(id=identity, collection=record.collection, text=text, meaning=record.id),
                            record.response,
                        )


def path_of(item: str) -> Path:
    """Return the file that an item of `teacher.lessons` or `teacher.questions` names."""
    path = _DEMO / f"{item.removeprefix('demo:')}.jsonl" if item.startswith("demo:") else Path(item)
    if not path.is_file():
        known = ", ".join(f"demo:{found.stem}" for found in sorted(_DEMO.glob("*.jsonl")))
        raise InputError(f"teacher.lessons: there is no file {item!r}. Embedded ones: {known}")
    return path
