"""A mapping as a flat table of fields."""

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
