"""The cases of the conformance suite: reading them, running them, and saying where an answer differs.

A file of `cases/` holds a mapping, its documents and cases. Every result was derived by hand from the documentation
of OpenSearch and Elasticsearch and the documents of the file, never copied from what an engine answered. Of refusals
only the part of the sentence is given that both servers share:

    ids      the set of ids returned          order    the list of ids returned
    scores   the ids returned and their scores
    aggs     the aggregations, reply the whole answer: only the keys that are given, lists whole
    error    a text that the engine's refusal holds
    known    the embedded engine is wrong here, and why
"""

import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from thriftune.tasks.query_dsl.engine import Engine, Refusal

HERE = Path(__file__).parent
ABSENT = "$absent"  # as an expected value: this key is not there
_ESTIMATES = {"aggs percentiles", "aggs cardinality"}  # these are approximate by definition


@dataclass(frozen=True)
class Case:
    """One body and what is expected of its answer; `None` is not looked at.

    Raises:
        TypeError: a case of the data has a key that is no attribute (a misspelt expectation would never be seen).
        ValueError: the case expects nothing.
    """

    index: str
    clause: str
    priority: str
    name: str
    body: dict[str, Any]
    ids: list[str] | None = None
    order: list[str] | None = None
    scores: dict[str, float] | None = None
    aggs: dict[str, Any] | None = None
    reply: dict[str, Any] | None = None
    error: str | None = None
    known: str = ""

    def __post_init__(self) -> None:
        wanted = (self.ids, self.order, self.scores, self.aggs, self.reply, self.error)
        if all(part is None for part in wanted):
            raise ValueError(f"{self.title} expects nothing")

    @property
    def title(self) -> str:
        """Clause and name: unique in the suite."""
        return f"{self.clause}: {self.name}"


@dataclass(frozen=True)
class Group:
    """One file of cases: an index and what is asked of it."""

    index: str
    mapping: dict[str, Any]
    documents: list[dict[str, Any]]
    cases: list[Case] = field(default_factory=list)


@cache
def groups() -> tuple[Group, ...]:
    """Return the groups in the order of their files' names.

    Raises:
        TypeError, ValueError: a case is malformed, see `Case`.
    """
    return tuple(_read(path) for path in sorted((HERE / "cases").glob("*.json")))


def clauses() -> dict[str, list[str]]:
    """Return the clauses that need a case, by priority."""
    found: dict[str, list[str]] = json.loads((HERE / "clauses.json").read_text(encoding="utf-8"))
    return found


def server(url: str) -> Engine:
    """Return the engine at a URL; THRIFTUNE_ENGINE_USER and THRIFTUNE_ENGINE_PASSWORD are its credentials, if set."""
    user = os.environ.get("THRIFTUNE_ENGINE_USER")
    auth = (user, os.environ.get("THRIFTUNE_ENGINE_PASSWORD", "")) if user else None
    return Engine(url, auth, timeout_seconds=60.0)


def load(engine: Engine) -> None:
    """Make the indices of all groups.

    Raises:
        EngineError: the engine is gone, or refuses a mapping or a document.
    """
    for group in groups():
        engine.load(group.index, group.mapping, group.documents)


def drop(engine: Engine) -> None:
    """Delete the indices of all groups.

    Raises:
        EngineError: the engine is gone, or an index is not there.
    """
    for group in groups():
        engine.drop(group.index)


def run(engine: Engine, case: Case) -> str:
    """Return where the engine's answer differs from what the case expects; empty if it conforms."""
    return difference(case, engine.search(case.index, [case.body])[0])


def difference(case: Case, answer: dict[str, Any] | Refusal) -> str:
    """Return where `answer` differs from what the case expects, with both values; empty if it conforms."""
    if isinstance(answer, Refusal):
        if case.error is not None and case.error in answer.reason:
            return ""
        return f"refused as {answer.kind}: {answer.reason}" + (f" (expected: {case.error})" if case.error else "")
    if case.error is not None:
        return f"accepted, but should be refused: {case.error}"
    tolerance = 0.05 if case.clause in _ESTIMATES else 1e-6
    return next((found for found in _differences(case, answer, tolerance) if found), "")


def _read(path: Path) -> Group:
    data = json.loads(path.read_text(encoding="utf-8"))
    index = f"thriftune-conformance-{path.stem}"
    return Group(index, data["mapping"], data["documents"], [Case(index=index, **case) for case in data["cases"]])


def _differences(case: Case, answer: dict[str, Any], tolerance: float) -> Iterator[str]:
    hits = answer["hits"]["hits"]
    ids = [hit["_id"] for hit in hits]
    if case.ids is not None:
        yield _unlike(sorted(case.ids), sorted(ids), "ids", tolerance)
    if case.order is not None:
        yield _unlike(case.order, ids, "order", tolerance)
    if case.scores is not None:
        scores = {hit["_id"]: hit["_score"] for hit in hits}
        yield _unlike(sorted(case.scores), sorted(scores), "scores", tolerance)
        yield _unlike(case.scores, scores, "scores", tolerance)
    if case.aggs is not None:
        yield _unlike(case.aggs, answer.get("aggregations"), "aggs", tolerance)
    if case.reply is not None:
        yield _unlike(case.reply, answer, "reply", tolerance)


def _unlike(expected: Any, found: Any, where: str, tolerance: float) -> str:
    """Compare strictly on the keys of `expected`; return the first difference."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return _unlike_keys(expected, found, where, tolerance)
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return next(filter(None, (_unlike(a, b, f"{where}[{n}]", tolerance) for n, (a, b) in pairs)), "")
    if _is_number(expected) and _is_number(found):
        same = math.isclose(expected, found, rel_tol=tolerance, abs_tol=1e-9)
    else:
        same = type(expected) is type(found) and expected == found
    return "" if same else f"{where}: expected {json.dumps(expected)}, found {json.dumps(found)}"


def _unlike_keys(expected: dict[str, Any], found: dict[str, Any], where: str, tolerance: float) -> str:
    for key, value in expected.items():
        if value == ABSENT:
            unlike = f"{where}.{key} is there" if key in found else ""
        elif key not in found:
            unlike = f"{where}.{key} is not there"
        else:
            unlike = _unlike(value, found[key], f"{where}.{key}", tolerance)
        if unlike:
            return unlike
    return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
