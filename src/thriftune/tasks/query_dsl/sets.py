"""The boundary documents of golds as indices of the sandbox: made once, and the ones last used stay loaded."""

import json
from collections import OrderedDict
from typing import Any

from thriftune.files import content_id
from thriftune.tasks.query_dsl import answers, boundary
from thriftune.tasks.query_dsl.asking import ask
from thriftune.tasks.query_dsl.bodies import Fault
from thriftune.tasks.query_dsl.engine import Engine

KEPT = 64
_ANY_FIELD = ("*", "query_string", "multi_match", "more_like_this")  # these may read fields that they do not name
_BY_ANOTHER_NAME = ('"copy_to"', '"alias"')


class BoundarySets:
    """Judges predictions on boundary documents; holds at most `KEPT` indices in `sandbox`."""

    def __init__(self, sandbox: Engine) -> None:
        self._sandbox = sandbox
        self._loaded: OrderedDict[str, None] = OrderedDict()

    def same(
        self,
        name: str,
        gold: dict[str, Any],
        predicted: dict[str, Any],
        mapping: dict[str, Any],
        sample: list[dict[str, Any]],
    ) -> bool | None:
        """Tell whether both bodies answer the same on the gold's boundary documents; None where these cannot judge.

        Args:
            name: of the collection.
            sample: real documents that the fields which the gold does not name are taken from.
        """
        kept = fields_read(mapping, gold, predicted)
        index = f"thriftune-boundary-{content_id([name, gold, sorted(kept)])}"
        self._load(index, gold, mapping, sample, kept)
        expected, got = ask(self._sandbox, index, [gold, predicted])
        if isinstance(expected, Fault):
            return None
        if isinstance(got, Fault):
            return None if got.kind == "unsupported" else False
        return answers.same(expected, got)

    def _load(
        self, index: str, gold: dict[str, Any], mapping: dict[str, Any], sample: list[dict[str, Any]], kept: set[str]
    ) -> None:
        if index not in self._loaded:
            made = boundary.documents(gold, mapping, sample, content_id(gold))
            slim = ({name: document[name] for name in document if name in kept} for document in made)
            self._sandbox.load(index, boundary.open_mapping(mapping), slim, strict=False)
        self._loaded[index] = None
        self._loaded.move_to_end(index)
        if len(self._loaded) > KEPT:
            self._sandbox.drop(self._loaded.popitem(last=False)[0])


def fields_read(mapping: dict[str, Any], *bodies: dict[str, Any]) -> set[str]:
    """Return the top-level fields that the bodies may read, and `_id`: no other can change an answer.

    Indexing documents is what a judgement on them costs, and costs by the field.
    """
    every, text = {*mapping.get("properties", {}), "_id"}, json.dumps(bodies, ensure_ascii=False)
    if any(word in text for word in _ANY_FIELD) or any(word in json.dumps(mapping) for word in _BY_ANOTHER_NAME):
        return every
    return {name for name in every if json.dumps(name, ensure_ascii=False)[1:-1] in text} | {"_id"}
