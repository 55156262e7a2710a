"""A mapping as a flat table of fields, and as the compact text that a prompt shows."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldType:
    """One field of an index: its type, the nested object it lies in and a date format of its own (`""` for none)."""

    type: str
    nested: str = ""
    format: str = ""


def fields_of(mapping: dict[str, Any]) -> dict[str, FieldType]:
    """Return dotted field names with their types; objects themselves are left out, nested ones are kept."""
    return dict(_walk(mapping.get("properties", {}), "", ""))


def _walk(properties: dict[str, Any], parent: str, nested: str) -> list[tuple[str, FieldType]]:
    rows: list[tuple[str, FieldType]] = []
    for name, spec in properties.items():
        path = parent + name
        if "properties" in spec:
            inner = path if spec.get("type") == "nested" else nested
            if spec.get("type") == "nested":
                rows.append((path, FieldType("nested", nested)))
            rows += _walk(spec["properties"], path + ".", inner)
        else:
            rows.append((path, FieldType(spec.get("type", "object"), nested, spec.get("format", ""))))
        for sub, subspec in spec.get("fields", {}).items():
            rows.append((f"{path}.{sub}", FieldType(subspec["type"], nested)))
    return rows


def instructions(collection: str, mapping: dict[str, Any], notes: dict[str, str], now: str | None) -> str:
    """Return the constant part of a prompt: the job, and the fields one a line with what a mapping cannot say."""
    lines = ["Write the search body (Query DSL, JSON) that answers the question (predict), or why (explain)."]
    lines.append(f"Index {collection}" + (f", now {now[:10]}" if now else ""))
    for name, field in fields_of(mapping).items():
        note = notes.get(name)
        lines.append(f"{name} {field.type}" + (f": {note}" if note else ""))
    return "\n".join(lines)
