"""The table of parity: each exported form beside the trained model."""

import json
from pathlib import Path
from typing import Any

from thriftune.errors import InputError
from thriftune.report.facts import rate

HEAD = ["form", "same answers", "same tokens", "execution match", "difference, paired", "canonical match", "verdict"]


def read(path: Path, trained: str | None) -> dict[str, Any]:
    """Return the forms of a `parity.json`; none where there is none, or where it speaks of another training.

    Raises:
        InputError: the file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content["forms"]) if content["trained"] == trained else {}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged: {error}. Delete it and export again: thriftune export RUN") from error


def rows(forms: dict[str, Any]) -> list[list[str]]:
    """Return a header, the trained model, and a row for each form; nothing where there is no form."""
    if not forms:
        return []
    measured = [form for form in forms.values() if "labels" in form]
    reference = [_reference(measured[0])] if measured else []
    return [HEAD, *reference, *([name, *_cells(form)] for name, form in forms.items())]


def _reference(form: dict[str, Any]) -> list[str]:
    execution, canonical = (_part(form, name, "trained") for name in ("execution_match", "canonical_match"))
    return ["trained", "", "", execution, "", canonical, f"{form['labels']['n']} questions"]


def _cells(form: dict[str, Any]) -> list[str]:
    return [
        rate(form.get("labels")),
        rate(form.get("tokens")),
        _part(form, "execution_match", "export"),
        _part(form, "execution_match", "difference"),
        _part(form, "canonical_match", "export"),
        verdict(form),
    ]


def _part(form: dict[str, Any], name: str, part: str) -> str:
    return rate((form.get(name) or {}).get(part))


def verdict(form: dict[str, Any]) -> str:
    """Return `the same`, or what is wrong and what became of it."""
    if form["passed"]:
        return "within the margin"
    return f"{'kept by --allow' if form['allowed'] else 'refused'}: {'; '.join(form['faults'])}"
