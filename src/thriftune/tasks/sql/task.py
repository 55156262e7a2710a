"""The task *natural language → SQL*: asks with the tables in view, judges by running both queries."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from thriftune.errors import InputError
from thriftune.files import content_id
from thriftune.prompts import Prompt
from thriftune.records import Question, Verdict
from thriftune.tasks.base import Found, Outline
from thriftune.tasks.sql import compare, outline, words
from thriftune.tasks.sql.compare import Expected
from thriftune.tasks.sql.copies import Copies
from thriftune.tasks.sql.database import Database, Fault
from thriftune.tasks.sql.order import expected
from thriftune.tasks.sql.prompt import Lines, lines_of, render

_VALUES, _LONGEST = 2_000, 60  # of each column, what students may have to copy


@dataclass(frozen=True)
class Source:
    """A database with its notes by `table.column`; `source_id` changes when its content does."""

    database: Database
    notes: dict[str, str]
    source_id: str


@dataclass
class Sql:
    """Judges queries. See `tasks.build` for making one from a recipe.

    Attributes:
        sources: the databases by name; closed with the task.
        robust: whether predictions that match are also judged on perturbed copies.
        prompt_tokens: about how many tokens the instructions may have; longer schemas are cut to what is asked.
        timeout_seconds: how long one query may run.
    """

    sources: dict[str, Source]
    robust: bool = True
    prompt_tokens: int = 1500
    timeout_seconds: float = 10.0
    _golds: dict[tuple[str, str], Expected | Fault] = field(default_factory=dict)
    _copies: dict[str, Copies] = field(default_factory=dict)
    _lines: dict[str, Lines] = field(default_factory=dict)

    def identity(self) -> str:
        """Return a content id of the databases and their notes."""
        return content_id([(name, s.notes, s.source_id) for name, s in self.sources.items()])

    def prompt(self, question: Question) -> Prompt:
        """Return instructions with the tables, and the question."""
        name, source = question.collection, self._source(question)
        if name not in self._lines:
            self._lines[name] = lines_of(source.database, source.notes)
        return Prompt(render(name, self._lines[name], question.text, self.prompt_tokens), question.text)

    def families(self, label: str) -> tuple[str, ...]:
        """Return the clause families of a query."""
        return words.families(label)

    def tidy(self, label: str) -> str:
        """Return the query on one line, its keywords in capitals."""
        return words.tidy(label)

    def check(self, question: Question, label: str) -> Verdict:
        """Run a query: `valid`, the fault, and whether it finds nothing."""
        result = self._source(question).database.run(label)
        if isinstance(result, Fault):
            return _bad(question, result)
        return Verdict(question_id=question.id, valid=True, gold_empty=result.empty, result=result.summary())

    def run(self, question: Question, answer: str, most: int) -> Found:
        """Run a query; return its rows as lists of their values."""
        result = self._source(question).database.run(answer)
        if isinstance(result, Fault):
            return Found(None, fault=result.kind, detail=result.detail)
        rows = [[cell.hex() if isinstance(cell, bytes) else cell for cell in row] for row in result.rows[:most]]
        return Found(len(result.rows), tuple(rows))

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        """Compare the results of both queries on the database and, if they match, on its perturbed copies."""
        source = self._source(question)
        wanted = self._gold(question.collection, source, gold)
        if isinstance(wanted, Fault):
            raise InputError(f"the gold answer of {question.id} is not valid: {wanted.detail}")
        known = wanted.result
        base = {"question_id": question.id, "gold_empty": known.empty, "gold_result": known.summary()}
        result = source.database.run(predicted)
        if isinstance(result, Fault):
            return _bad(question, result, base)
        match = compare.same(wanted, result)
        robust = match and self._same_on_copies(question.collection, source, gold, predicted) if self.robust else None
        return Verdict(
            **base,
            valid=True,
            fault="" if match else "wrong_result",
            detail="" if match else compare.difference(known, result),
            exact=" ".join(predicted.split()) == " ".join(gold.split()),
            canonical=words.canonical(predicted) == words.canonical(gold),
            execution_match=match,
            robust_match=robust,
            result_f1=1.0 if match else compare.f1(known, result),
            result=result.summary(),
        )

    def variants(self, question: Question, label: str, seed: str) -> Iterator[tuple[str, str]]:
        """Yield nothing: a query's values are not drawn anew."""
        yield from ()

    def grammar(self, question: Question) -> None:
        """Return None: queries are free. What they may do is bounded where they are run."""
        return

    def texts(self) -> Iterator[str]:
        """Yield the names of tables and columns, and the short texts that they hold."""
        for source in self.sources.values():
            for name, table in source.database.tables.items():
                yield name
                yield from table.columns
                for column in table.columns:
                    found = source.database.values(name, column, _VALUES)
                    yield from (value for value, _ in found if isinstance(value, str) and len(value) <= _LONGEST)

    def outlines(self) -> dict[str, Outline]:
        """Return tables, families and rows of each database."""
        found = {}
        for name, source in self.sources.items():
            text = render(name, lines_of(source.database, source.notes), "", self.prompt_tokens)
            about = text.partition("\n")[2]
            found[name] = Outline(about, outline.families(source.database), outline.rows(source.database))
        return found

    def close(self) -> None:
        """Close the databases and their copies."""
        for source in self.sources.values():
            source.database.close()
        for copies in self._copies.values():
            copies.close()
        self._copies.clear()

    def _source(self, question: Question) -> Source:
        try:
            return self.sources[question.collection]
        except KeyError:
            known = ", ".join(self.sources)
            raise InputError(
                f"question {question.id} asks database {question.collection!r}; task.databases has: {known}"
            ) from None

    def _gold(self, name: str, source: Source, gold: str) -> Expected | Fault:
        if (name, gold) not in self._golds:
            self._golds[name, gold] = expected(source.database, gold)
        return self._golds[name, gold]

    def _same_on_copies(self, name: str, source: Source, gold: str, predicted: str) -> bool:
        if name not in self._copies:
            self._copies[name] = Copies(source.database, name, self.timeout_seconds)
        return self._copies[name].same(gold, predicted)


def _bad(question: Question, fault: Fault, base: dict[str, Any] | None = None) -> Verdict:
    values = {"question_id": question.id, **(base or {})}
    return Verdict(
        **values, valid=False, fault=fault.kind, detail=fault.detail[:500], execution_match=False, robust_match=False
    )
