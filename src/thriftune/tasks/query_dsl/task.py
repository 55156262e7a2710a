"""The task *natural language → Query DSL*: asks with the mapping in view, judges by running both queries."""

import json
import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from thriftune.errors import InputError
from thriftune.files import content_id
from thriftune.prompts import Prompt
from thriftune.records import Question, Verdict
from thriftune.tasks.base import Found, Grammar, Outline
from thriftune.tasks.query_dsl import answers, bodies, canonical, linking, outline, variants
from thriftune.tasks.query_dsl.asking import ask, found_by
from thriftune.tasks.query_dsl.bodies import Fault
from thriftune.tasks.query_dsl.collections import Collection
from thriftune.tasks.query_dsl.dates import freeze
from thriftune.tasks.query_dsl.dialect import strange
from thriftune.tasks.query_dsl.embedded import beyond, with_several_points
from thriftune.tasks.query_dsl.engine import Engine
from thriftune.tasks.query_dsl.grammar import grammar_of
from thriftune.tasks.query_dsl.lint import lint
from thriftune.tasks.query_dsl.mapping import fields_of
from thriftune.tasks.query_dsl.places import located
from thriftune.tasks.query_dsl.prompt import lines_of, render, values_of
from thriftune.tasks.query_dsl.sets import BoundarySets

_SAMPLE = 200  # real documents that boundary documents are made from
_VALUES = 20_000  # real documents that variants take their values from
_DRAWS = 12  # how often a variant of one lesson is tried


@dataclass
class _Gold:
    """What is known of a gold query after it was run once: reused for every prediction judged against it."""

    body: dict[str, Any]
    answer: answers.Answer


@dataclass
class QueryDsl:
    """Judges bodies. See `tasks.build` for making one from a recipe.

    Attributes:
        engine: holds the collections and is only searched.
        sandbox: where document sets made for one judgement live; may be the same engine.
        robust: whether predictions that match are also judged on boundary documents.
        prompt_tokens: about how many tokens the instructions may have; a longer mapping is cut to what is asked.
        link_values: whether the prompt shows the index's values that a question names.
        written_for: the dialect of the bodies, `opensearch` or `elasticsearch`; `auto` is that of the engine.
    """

    engine: Engine
    sandbox: Engine
    collections: dict[str, Collection]
    robust: bool = True
    prompt_tokens: int = 1500
    link_values: bool = True
    written_for: str = "auto"
    _resources: ExitStack = field(default_factory=ExitStack)
    _golds: dict[tuple[str, str], _Gold | Fault] = field(default_factory=dict)
    _sets: BoundarySets = field(init=False)
    _samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _documents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _lines: dict[str, dict[str, str]] = field(default_factory=dict)
    _links: dict[str, linking.Links] = field(default_factory=dict)
    _points: dict[str, set[str]] = field(default_factory=dict)
    _grammars: dict[str, Grammar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._sets = BoundarySets(self.sandbox)

    def identity(self) -> str:
        """Return a content id of mappings, documents' source and notes."""
        return content_id([(name, c.mapping, c.notes, c.now, c.source_id) for name, c in self.collections.items()])

    def prompt(self, question: Question) -> Prompt:
        """Return instructions with the compact mapping, and the question with the values that it names."""
        collection = self._collection(question)
        lines = self._lines_of(question.collection, collection)
        text = render(question.collection, lines, collection.now, question.text, self.prompt_tokens)
        return Prompt(text, question.text + self._values_named(question, collection))

    def families(self, label: str) -> tuple[str, ...]:
        """Return the clause families of a body; none for a text that is no body."""
        body = bodies.parse(label)
        return () if isinstance(body, Fault) else bodies.families(body)

    def tidy(self, label: str) -> str:
        """Return the body as compact JSON, its clauses as the teacher wrote them; a text that is no body stays."""
        body = bodies.parse(label)
        return label if isinstance(body, Fault) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)

    def check(self, question: Question, label: str) -> Verdict:
        """Run a body on the real documents: `valid`, the fault, and whether it finds nothing."""
        collection = self._collection(question)
        prepared = self._prepare(question.collection, collection, label)
        if isinstance(prepared, Fault):
            return _bad(question, prepared)
        answer = ask(self.engine, question.collection, [prepared])[0]
        if isinstance(answer, Fault):
            return _bad(question, answer)
        return Verdict(question_id=question.id, valid=True, gold_empty=answer.empty, result=answer.summary())

    def run(self, question: Question, answer: str, most: int) -> Found:
        """Run a body; return its hits, with their ids, and its aggregations."""
        body = self._prepare(question.collection, self._collection(question), answer)
        if isinstance(body, Fault):
            return Found(None, fault=body.kind, detail=body.detail)
        size = bodies.whole(body.get("size", 10))
        asked = body | {"size": min(size, most)} if size >= 0 else body
        return found_by(self.engine.search(question.collection, [asked | {"track_total_hits": True}])[0])

    def judge(self, question: Question, gold: str, predicted: str) -> Verdict:
        """Compare the results of both bodies on the real documents and on boundary documents made from the gold."""
        collection = self._collection(question)
        known = self._gold(question.collection, collection, gold)
        if isinstance(known, Fault):
            raise InputError(f"the gold answer of {question.id} is not valid: {known.detail}")
        base = {"question_id": question.id, "gold_empty": known.answer.empty, "gold_result": known.answer.summary()}
        prepared = self._prepare(question.collection, collection, predicted)
        if isinstance(prepared, Fault):
            return _bad(question, prepared, base)
        exact = self.tidy(predicted) == self.tidy(gold)  # the same text returns the same
        answer = known.answer if exact else ask(self.engine, question.collection, [prepared])[0]
        if isinstance(answer, Fault):
            return _bad(question, answer, base)
        match = answers.same(known.answer, answer)
        return Verdict(
            **base,
            valid=True,
            fault="" if match else "wrong_result",
            detail="" if match else answers.difference(known.answer, answer),
            exact=exact,
            canonical=canonical.form(prepared, collection.mapping) == canonical.form(known.body, collection.mapping),
            execution_match=match,
            robust_match=self._robust(question.collection, known.body, prepared, match, exact) if self.robust else None,
            result_f1=answers.f1(known.answer, answer),
            result=answer.summary(),
        )

    def variants(self, question: Question, label: str, seed: str) -> Iterator[tuple[str, str]]:
        """Yield variants of a question and its body with values of real documents; see `variants`."""
        collection, body, chance = self._collection(question), bodies.parse(label), random.Random(seed)
        if isinstance(body, Fault):
            return
        found = variants.swaps(question.text, body, fields_of(collection.mapping), collection.spoken)
        documents = self._values(question.collection, collection)
        for _ in range(_DRAWS if found else 0):
            drawn = variants.vary(question.text, body, found, documents, collection.spoken, chance)
            if drawn and drawn[1] != body:
                yield drawn[0], json.dumps(drawn[1], separators=(",", ":"), ensure_ascii=False)

    def grammar(self, question: Question) -> Grammar:
        """Return the grammar of the bodies that fit the mapping; see `grammar` for what it leaves out."""
        collection = self._collection(question)
        if question.collection not in self._grammars:
            self._grammars[question.collection] = grammar_of(collection.mapping)
        return self._grammars[question.collection]

    def texts(self) -> Iterator[str]:
        """Yield the names of fields and the strings of documents."""
        for name, collection in self.collections.items():
            yield from fields_of(collection.mapping)
            yield from dict.fromkeys(_strings(self._values(name, collection)))

    def outlines(self) -> dict[str, Outline]:
        """Return fields, clause families and sampled documents of each collection."""
        found = {}
        for name, collection in self.collections.items():
            text = render(name, self._lines_of(name, collection), collection.now, "", self.prompt_tokens)
            documents = [json.dumps(document, ensure_ascii=False) for document in self._sample(name, collection)]
            found[name] = Outline(text.partition("\n")[2], outline.families(collection.mapping), tuple(documents))
        return found

    def close(self) -> None:
        """Stop the embedded engine."""
        self._resources.close()

    def _collection(self, question: Question) -> Collection:
        try:
            return self.collections[question.collection]
        except KeyError:
            known = ", ".join(self.collections)
            raise InputError(
                f"question {question.id} asks collection {question.collection!r}; task.collections has: {known}"
            ) from None

    def _prepare(self, name: str, collection: Collection, text: str) -> dict[str, Any] | Fault:
        body = bodies.parse(text)
        if isinstance(body, Fault):
            return body
        fields = fields_of(collection.mapping)
        formats = {name: field.format for name, field in fields.items() if field.format}
        own = self.engine.server.kind
        fault = strange(body, own if self.written_for == "auto" else self.written_for, own) or lint(body, fields)
        if not fault and self.engine is self.sandbox:  # the user's own server answers for itself
            fault = beyond(body, fields, self._several(name, collection))
        return Fault(fault.kind, located(fault.detail, body)) if fault else freeze(body, collection.now, formats)

    def _gold(self, name: str, collection: Collection, gold: str) -> _Gold | Fault:
        key = (name, gold)
        if key not in self._golds:
            body = self._prepare(name, collection, gold)
            if isinstance(body, Fault):
                self._golds[key] = body
            else:
                answer = ask(self.engine, name, [body])[0]
                self._golds[key] = answer if isinstance(answer, Fault) else _Gold(body, answer)
        return self._golds[key]

    def _robust(
        self, name: str, gold: dict[str, Any], predicted: dict[str, Any], match: bool, exact: bool
    ) -> bool | None:
        if not match or exact:
            return match
        collection = self.collections[name]
        fields, several = fields_of(collection.mapping), self._several(name, collection)
        if beyond(gold, fields, several) or beyond(predicted, fields, several):
            return None  # matched on the user's own server; the sandbox cannot say more
        return self._sets.same(name, gold, predicted, collection.mapping, self._sample(name, collection))

    def _values(self, name: str, collection: Collection) -> list[dict[str, Any]]:
        if name not in self._documents:
            self._documents[name] = list(islice(collection.documents(), _VALUES))
        return self._documents[name]

    def _lines_of(self, name: str, collection: Collection) -> dict[str, str]:
        if name not in self._lines:
            values = values_of(collection.mapping, self._values(name, collection))
            self._lines[name] = lines_of(collection.mapping, collection.notes, values)
        return self._lines[name]

    def _values_named(self, question: Question, collection: Collection) -> str:
        if not self.link_values:
            return ""
        name = question.collection
        if name not in self._links:
            documents = self._values(name, collection)
            self._links[name] = linking.links_of(fields_of(collection.mapping), documents, collection.spoken)
        return linking.shown(self._links[name], question.text)

    def _several(self, name: str, collection: Collection) -> set[str]:
        if name not in self._points:
            self._points[name] = with_several_points(fields_of(collection.mapping), self._values(name, collection))
        return self._points[name]

    def _sample(self, name: str, collection: Collection) -> list[dict[str, Any]]:
        if name not in self._samples:
            every = list(islice(collection.documents(), 2000))
            self._samples[name] = random.Random(name).sample(every, min(_SAMPLE, len(every)))
        return self._samples[name]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)


def _bad(question: Question, fault: Fault, base: dict[str, Any] | None = None) -> Verdict:
    judged = None if fault.kind == "unsupported" else False
    values = {"question_id": question.id, **(base or {})}
    return Verdict(
        **values, valid=False, fault=fault.kind, detail=fault.detail[:500], execution_match=judged, robust_match=judged
    )
