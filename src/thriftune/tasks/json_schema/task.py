"""The task *text → JSON by schema*: asks with the schema in view, judges by validating and comparing documents."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from thriftune.errors import InputError
from thriftune.files import content_id
from thriftune.prompts import Prompt
from thriftune.records import Question, Verdict
from thriftune.tasks.base import Found, Grammar
from thriftune.tasks.json_schema import compare
from thriftune.tasks.json_schema.document import Fault, dumped, families, parse
from thriftune.tasks.json_schema.prompt import Lines, lines_of, render, words_of
from thriftune.tasks.json_schema.schemas import Source
from thriftune.tasks.json_schema.validate import Validator

_LONGEST = 160
_NOTHING: tuple[Any, ...] = ({}, [], None, "")


@dataclass(frozen=True)
class _Document:
    """A valid document: its canonical text and its leaves."""

    value: Any
    form: str
    leaves: compare.Leaves

    @property
    def empty(self) -> bool:
        """Whether it says nothing. False and 0 say something."""
        return any(self.value == nothing and type(self.value) is type(nothing) for nothing in _NOTHING)

    def summary(self) -> str:
        """Return a short text for people."""
        return self.form if len(self.form) <= _LONGEST else self.form[: _LONGEST - 1] + "…"


@dataclass
class JsonSchema:
    """Judges documents. See `tasks.build` for making one from a recipe.

    A document runs by being validated. Its canonical form is the data it holds, so `canonical` and `execution_match`
    are one; `robust_match` has no meaning and stays `None`.

    Attributes:
        sources: the schemas by name.
        prompt_tokens: about how many tokens the instructions may have; longer schemas are cut to what is asked.
        timeout_seconds: the processor time that validating one document may take.

    Raises:
        InputError: a schema is not one, or refers to what is not in it.
    """

    sources: dict[str, Source]
    prompt_tokens: int = 1500
    timeout_seconds: float = 10.0
    _validator: Validator = field(init=False)
    _golds: dict[tuple[str, str], _Document | Fault] = field(default_factory=dict)
    _lines: dict[str, Lines] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = {name: json.dumps(source.schema) for name, source in self.sources.items()}
        self._validator = Validator(texts, self.timeout_seconds)
        self._validator.start()

    def identity(self) -> str:
        """Return a content id of schemas and notes."""
        return content_id([(name, source.schema, source.notes) for name, source in self.sources.items()])

    def prompt(self, question: Question) -> Prompt:
        """Return instructions with the schema's fields, and the question."""
        name, source = question.collection, self._source(question)
        if name not in self._lines:
            self._lines[name] = lines_of(source.schema, source.notes)
        return Prompt(render(name, self._lines[name], question.text, self.prompt_tokens), question.text)

    def families(self, label: str) -> tuple[str, ...]:
        """Return the top-level fields of a document and the kinds of its values; none for a text that is no JSON."""
        value = parse(label)
        return () if isinstance(value, Fault) else families(value)

    def tidy(self, label: str) -> str:
        """Return the document as compact JSON, its keys as the teacher wrote them; a text that is no JSON stays."""
        value = parse(label)
        return label if isinstance(value, Fault) else dumped(value)

    def check(self, question: Question, label: str) -> Verdict:
        """Validate a document: `valid`, the fault, and whether it says nothing."""
        self._source(question)
        read = self._read(question.collection, label)
        if isinstance(read, Fault):
            return _bad(question, read)
        return Verdict(question_id=question.id, valid=True, gold_empty=read.empty, result=read.summary())

    def run(self, question: Question, answer: str, most: int) -> Found:
        """Validate a document; return it as data."""
        self._source(question)
        read = self._read(question.collection, answer)
        if isinstance(read, Fault):
            return Found(None, fault=read.kind, detail=read.detail)
        return Found(1, (read.value,)[:most])

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        """Validate the prediction and compare it with the gold field by field.

        Raises:
            InputError: the gold is not valid.
        """
        self._source(question)
        known = self._gold(question.collection, gold)
        if isinstance(known, Fault):
            raise InputError(f"the gold answer of {question.id} is not valid: {known.detail}")
        base = {"question_id": question.id, "gold_empty": known.empty, "gold_result": known.summary()}
        read = self._read(question.collection, predicted)
        if isinstance(read, Fault):
            return _bad(question, read, base)
        match = read.leaves == known.leaves
        return Verdict(
            **base,
            valid=True,
            fault="" if match else "wrong_result",
            detail="" if match else compare.difference(known.leaves, read.leaves)[:500],
            exact=self.tidy(predicted) == self.tidy(gold),
            canonical=read.form == known.form,
            execution_match=match,
            result_f1=compare.f1(known.leaves, read.leaves),
            result=read.summary(),
        )

    def variants(self, question: Question, label: str, seed: str) -> Iterator[tuple[str, str]]:
        """Yield nothing: a schema does not say which words of a text a value came from."""
        yield from ()

    def grammar(self, question: Question) -> Grammar:
        """Return the schema itself. Where its keywords go beyond llguidance's, the judge alone looks at them."""
        return Grammar("json_schema", json.dumps(self._source(question).schema))

    def texts(self) -> Iterator[str]:
        """Yield the names of fields and the values that schemas list."""
        for source in self.sources.values():
            yield from words_of(source.schema)

    def close(self) -> None:
        """End the process that validates."""
        self._validator.close()

    def _source(self, question: Question) -> Source:
        try:
            return self.sources[question.collection]
        except KeyError:
            known = ", ".join(self.sources)
            raise InputError(
                f"question {question.id} asks schema {question.collection!r}; task.schemas has: {known}"
            ) from None

    def _gold(self, name: str, gold: str) -> _Document | Fault:
        if (name, gold) not in self._golds:
            self._golds[name, gold] = self._read(name, gold)
        return self._golds[name, gold]

    def _read(self, name: str, text: str) -> _Document | Fault:
        value = parse(text)
        if isinstance(value, Fault):
            return value
        sets = self._validator.sets(name, text)
        if isinstance(sets, Fault):
            return sets
        return _Document(value, compare.form(value, sets), compare.leaves(value, sets))


def _bad(question: Question, fault: Fault, base: dict[str, Any] | None = None) -> Verdict:
    values = {"question_id": question.id, **(base or {})}
    judged = None if fault.kind == "unsupported" else False
    return Verdict(**values, valid=False, fault=fault.kind, detail=fault.detail[:500], execution_match=judged)
