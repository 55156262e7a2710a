"""Who answers questions. A teacher yields raw responses; whether they become lessons is decided elsewhere."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from thriftune.errors import InputError
from thriftune.files import read_lines, validated
from thriftune.records import Question, Record, Reject
from thriftune.tables.read import is_table, read

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
        collections: those of the task; rows of a table without a collection belong to the only one.
    """

    name = "recorded"

    def __init__(self, lessons: list[str], limit: int | None = None, collections: Sequence[str] = ()) -> None:
        self._paths = [path_of(item) for item in lessons]
        self._limit, self._collections = limit, collections

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
            for place, record in recorded(path, self._collections):
                if record.id in places:
                    raise InputError(f"{place}: id: {record.id!r} stands at {places[record.id]} already")
                places[record.id] = place
                for index, text in enumerate(record.questions):
                    if self._limit is None or count < self._limit:
                        count += 1
                        identity = f"{record.id}.{index}"
                        yield (
                            Question(id=identity, collection=record.collection, text=text, meaning=record.id),
                            record.response,
                        )


def recorded(path: Path, collections: Sequence[str] = ()) -> Iterator[tuple[str, Recorded]]:
    """Yield (place, answer) of a file of recorded answers, or of a table with prompt, dsl and rationale.

    Rows of a table with one answer are wordings of one meaning.

    Raises:
        InputError: names file, line or row, and key or column.
    """
    if is_table(path):
        yield from _of_table(path, collections)
    else:
        for number, value in read_lines(path, whole=True):
            yield f"{path}:{number}", validated(Recorded, value, path, number)


def _of_table(path: Path, collections: Sequence[str]) -> Iterator[tuple[str, Recorded]]:
    found: dict[tuple[str, str, str], tuple[str, Recorded]] = {}
    for number, (place, row) in enumerate(read(path), start=1):
        collection = row.collection or (collections[0] if len(collections) == 1 else "")
        if not collection:
            known = f", one of {', '.join(collections)}" if collections else ""
            raise InputError(f"{place}: column collection: a name is needed{known}")
        key = (collection, row.dsl, row.rationale)
        response = f"<rationale>{row.rationale}</rationale>\n<answer>{row.dsl}</answer>"
        identity = row.id or f"{path.stem}-{number}"
        made = Recorded(id=identity, collection=collection, questions=(row.prompt,), response=response)
        if key in found:
            first = found[key][1]
            made = first.model_copy(update={"questions": (*first.questions, row.prompt)})
        found[key] = (found[key][0] if key in found else place, made)
    yield from found.values()


def files_of(item: str) -> list[Path]:
    """Return the files of an item of `teacher.lessons` or `teacher.questions`; of a dataset folder all of them."""
    path = path_of(item)
    return sorted(inner for inner in path.rglob("*") if inner.is_file()) if path.is_dir() else [path]


def path_of(item: str) -> Path:
    """Return the file or folder that an item of `teacher.lessons` or `teacher.questions` names."""
    path = _DEMO / f"{item.removeprefix('demo:')}.jsonl" if item.startswith("demo:") else Path(item)
    if not path.exists():
        known = ", ".join(f"demo:{found.stem}" for found in sorted(_DEMO.glob("*.jsonl")))
        line = '{"prompt": "a question", "dsl": {…}, "rationale": "why"}'
        raise InputError(f"teacher.lessons: there is no file {item!r}. Embedded ones: {known}. A line of one: {line}")
    return path
