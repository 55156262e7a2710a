"""The process that validates: it reads requests from stdin line by line, and is killed by its own alarm.

Why a process. `pattern` is a regular expression of the user's and Python's engine backtracks: `^(a+)+$` on thirty
letters runs for minutes. So do schemas that branch (`anyOf` in a recursion) and large `uniqueItems`. Nothing inside
Python stops all of these from any thread, and to forbid some patterns would forbid good ones too. A process can be
ended at any point: before each request it sets an alarm of the system on the processor time it may use, whose default
action is to end it. The one who asked sees the end, knows the reason from the signal, and starts another process for
the next request. The work is measured in processor time, so a busy machine changes no verdict, and the alarm works
also when the one who asked is gone.

Nothing is fetched: `$ref` reaches the schema itself and the published dialects of JSON Schema, which are installed.
"""

import json
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker, validators
from jsonschema.exceptions import ValidationError, best_match
from jsonschema_specifications import REGISTRY
from referencing import Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from thriftune.tasks.json_schema.sentences import sentence

MEMORY_BYTES = 2**30
# Those that the library checks without further packages; others are notes, as the standard has it.
FORMATS = FormatChecker(["date", "email", "idn-email", "ipv4", "ipv6", "regex", "uuid"])

Place = tuple[str | int, ...]


class Unusable(Exception):
    """The schema cannot be used; the text says why."""


class Schema:
    """Validates values against one schema and notes which arrays it says are sets.

    Raises:
        Unusable: it is not a schema of its dialect, or refers to what is not in it.
    """

    def __init__(self, schema: Any) -> None:
        kind = _kind(schema)
        fault = best_match(kind(kind.META_SCHEMA, format_checker=FORMATS).iter_errors(schema))
        if fault is not None:
            raise Unusable(f"is not a JSON Schema: {sentence(fault)}")
        specification = specification_with(str(kind.META_SCHEMA.get("$schema")))
        root: Resource[Any] = specification.create_resource(schema)
        _resolve_all(root, REGISTRY.resolver_with_root(root))
        self._sets: set[int] = set()
        if isinstance(schema, dict):  # with "$schema" the library would leave the extended class at each `$ref: "#"`
            schema = {key: value for key, value in schema.items() if key != "$schema"}
        extended = validators.extend(kind, {"uniqueItems": self._noting(kind.VALIDATORS.get("uniqueItems"))})
        self._validator = extended(schema, registry=REGISTRY, format_checker=FORMATS)
        with suppress(RecursionError):
            list(self._validator.iter_errors({}))
            return
        raise Unusable("refers to itself without end ($ref)")

    def fault(self, value: Any) -> str:
        """Return what is wrong with a value, or an empty text."""
        self._sets.clear()
        error = best_match(self._validator.iter_errors(value))
        return sentence(error) if error is not None else ""

    def sets(self, value: Any, place: Place = ()) -> Iterator[Place]:
        """Yield the places of the arrays in the value validated last for which the schema says `uniqueItems`."""
        if id(value) in self._sets:
            yield place
        pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in pairs:
            yield from self.sets(inner, (*place, key))

    def _noting(self, original: Any) -> Any:
        def unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
            if wanted is True and isinstance(instance, list):
                self._sets.add(id(instance))
            yield from original(validator, wanted, instance, schema) or ()

        return unique_items


def _kind(schema: Any) -> Any:
    if not isinstance(schema, dict | bool):
        raise Unusable("is not a JSON Schema: it is neither an object nor true or false")
    dialect = schema.get("$schema") if isinstance(schema, dict) else None
    if dialect is None:
        return Draft202012Validator
    nothing: Any = None
    kind = validators.validator_for(schema, default=nothing) if isinstance(dialect, str) else None
    if kind is None:
        raise Unusable(f"names the dialect {dialect!r} in $schema, which is none of JSON Schema's")
    return kind


def _resolve_all(resource: Resource[Any], resolver: Any) -> None:
    content = resource.contents
    for key in ("$ref", "$dynamicRef", "$recursiveRef"):
        target = content.get(key) if isinstance(content, dict) else None
        if isinstance(target, str):
            try:
                resolver.lookup(target)
            except Unresolvable as error:
                raise Unusable(
                    f"refers to {target!r}, which is not in it. Nothing is fetched: put it under $defs"
                ) from error
    for inner in resource.subresources():
        _resolve_all(inner, resolver.in_subresource(inner))


def answer(schemas: dict[str, Schema], request: dict[str, Any]) -> dict[str, Any]:
    """Load `schema` under its `name`, or validate `text`; return `sets`, or a `kind` and `detail` of what is wrong."""
    try:
        if "schema" in request:
            schemas[request["name"]] = Schema(json.loads(request["schema"]))
            return {"sets": []}
        schema, value = schemas[request["name"]], json.loads(request["text"])
        fault = schema.fault(value)
        return {"kind": "invalid", "detail": fault} if fault else {"sets": list(schema.sets(value))}
    except Unusable as error:
        return {"kind": "invalid", "detail": str(error)}
    except RecursionError:
        return {"kind": "limit:depth", "detail": "nested or referring too deeply to be validated"}
    except MemoryError:
        return {"kind": "limit:memory", "detail": f"validating takes more than {MEMORY_BYTES >> 20} MB"}
    except Exception as error:  # the library's own: `multipleOf: 0.1` overflows on an integer of 400 digits
        return {"kind": "unsupported", "detail": f"cannot be validated: {type(error).__name__}: {error}"[:300]}


def main(seconds: float) -> None:
    """Answer each line of stdin with a line on stdout until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asks
    with suppress(ValueError, OSError):  # not every system has this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    schemas: dict[str, Schema] = {}
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        reply = json.dumps(answer(schemas, json.loads(line)))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(reply, flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
