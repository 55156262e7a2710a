"""What is wrong with an answer: the JSON path and a sentence for people."""

import difflib
import json
from typing import Any

from jsonschema.exceptions import ValidationError


def sentence(error: ValidationError) -> str:
    """Return `PATH: what is wrong`, such as `$.intent: must be one of "cancel", "refund", got "cancle"`."""
    said = {
        "type": _type,
        "enum": _enum,
        "const": _const,
        "required": _required,
        "additionalProperties": _unknown,
        "pattern": _pattern,
        "format": _format,
    }.get(str(error.validator))
    text = said(error) if said else ""
    return f"{error.json_path}: {text or _short_text(error.message)}"


def _type(error: ValidationError) -> str:
    wanted = error.validator_value
    names = wanted if isinstance(wanted, list) else [wanted]
    return f"must be of type {' or '.join(str(name) for name in names)}, got {_short(error.instance)}"


def _enum(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    allowed = [_short(value) for value in wanted]
    got = _short(error.instance)
    return f"must be one of {_short_text(', '.join(allowed))}, got {got}{_near(got, allowed)}"


def _const(error: ValidationError) -> str:
    return f"must be {_short(error.validator_value)}, got {_short(error.instance)}"


def _required(error: ValidationError) -> str:
    wanted: Any = error.validator_value
    instance: Any = error.instance
    missing = [name for name in wanted if name not in instance]
    return f"lacks the required {_listed(missing)}"


def _unknown(error: ValidationError) -> str:
    """With `patternProperties` the library's own sentence is the better one."""
    schema: Any = error.schema
    if error.validator_value is not False or "patternProperties" in schema:
        return ""
    known = list(schema.get("properties", {}))
    instance: Any = error.instance
    unknown = [name for name in instance if name not in known]
    return f"has the unknown {_listed(unknown)}{_near(unknown[0], known)}"


def _pattern(error: ValidationError) -> str:
    return f"must match the pattern {_short(error.validator_value)}, got {_short(error.instance)}"


def _format(error: ValidationError) -> str:
    return f"must be of the format {error.validator_value}, got {_short(error.instance)}"


def _listed(names: list[str]) -> str:
    return f"field{'s' if len(names) > 1 else ''} {_short_text(', '.join(names))}"


def _near(given: str, known: list[str]) -> str:
    near = difflib.get_close_matches(given[:100], known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _short(value: Any) -> str:
    return _short_text(json.dumps(value, ensure_ascii=False), 80)


def _short_text(text: str, most: int = 300) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
