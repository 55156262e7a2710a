"""The contract of a task: how a question is asked, and how an answer is judged by running it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from thriftune.prompts import Prompt
from thriftune.records import Question, Verdict


@dataclass(frozen=True)
class Grammar:
    """What answers may be, as text that llguidance compiles: a Lark grammar in its dialect, or a JSON Schema.

    Documents of a JSON Schema are written without spaces, their keys in the schema's order. Keywords of a schema that
    llguidance does not know are left to the judge, unless it is `strict`.
    """

    form: Literal["lark", "json_schema"]
    text: str
    strict: bool = False


class Task(Protocol):
    """What a user implements for a job of their own; derive from it, and six methods have a default already.

    Answers are text. Whatever the text is, no method raises for it: a bad answer is a `Verdict`. The one exception
    is a gold answer that is not valid. `thriftune.testing.contract.TaskContract` checks what is promised here.
    """

    def identity(self) -> str:
        """Return a content id of everything that changes verdicts: schema, documents, settings."""

    def prompt(self, question: Question) -> Prompt:
        """Return the prompt of a question.

        Raises:
            InputError: the question names a collection that the task does not have.
        """

    def check(self, question: Question, label: str) -> Verdict:
        """Judge a teacher's label alone: does it run, and does it find something (`gold_empty`)?"""

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        """Run the gold and the predicted answer and compare their results.

        Raises:
            InputError: the gold answer is not valid, so there is nothing to compare with.
        """

    def families(self, label: str) -> tuple[str, ...]:
        """Return the families of a label, for tables of where the errors are. None unless overridden."""
        return ()

    def tidy(self, label: str) -> str:
        """Return the label in the one spelling that students learn, with the same meaning. As it is by default."""
        return label

    def variants(self, question: Question, label: str, seed: str) -> Iterator[tuple[str, str]]:
        """Yield (text, label) of drawn variants: other values in both. Ends when it has no more to try.

        A variant may find nothing, or be refused: whoever takes it checks it. None unless overridden.
        """
        yield from ()

    def texts(self) -> Iterator[str]:
        """Yield what answers may copy: names of fields, values of documents. Nothing unless overridden."""
        yield from ()

    def grammar(self, question: Question) -> Grammar | None:
        """Return what a student may write for a question, in the spelling of `tidy`; None leaves it free.

        Right answers must be within it: a student cannot write what is not. None unless overridden.
        """
        return None

    def close(self) -> None:
        """Give back what the task holds (a server, a database). Nothing unless overridden."""
        return


@dataclass(frozen=True)
class Outline:
    """What a teacher has to know of a collection to think up questions about it.

    `about` describes its fields or tables, `families` says what a question of each family is like, `samples` are
    documents or rows as text.
    """

    about: str
    families: dict[str, str]
    samples: tuple[str, ...]


@runtime_checkable
class Outlined(Protocol):
    """A task that can be asked for outlines. A task need not: then its users bring their own questions."""

    def outlines(self) -> dict[str, Outline]:
        """Return the outline of each collection."""


@dataclass(frozen=True)
class Found:
    """What running one answer returned, as plain data.

    Attributes:
        total: how many hits or rows there are; None if nothing could be run.
        rows: the first of them.
        figures: the aggregations of a search.
        fault, detail: as in a `Verdict`; empty if it ran.
    """

    total: int | None
    rows: tuple[Any, ...] = ()
    figures: Any = None
    fault: str = ""
    detail: str = ""


@runtime_checkable
class Runnable(Protocol):
    """A task whose answers can be run to show what they find. A task need not."""

    def run(self, question: Question, answer: str, most: int) -> Found:
        """Run an answer under the task's limits, and return up to `most` of what it finds. Never raises for a text."""


def outlines_of(task: Task) -> dict[str, Outline]:
    """Return the outlines of a task, none where it cannot give any."""
    return task.outlines() if isinstance(task, Outlined) else {}
