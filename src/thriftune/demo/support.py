"""The *support* schema: what a passenger's message to an airline asks for, as an object."""

from typing import Any

NAME = "support"
_NAME = {"type": "string", "minLength": 2, "maxLength": 60}
_AIRPORT = {"type": "string", "pattern": "^[A-Z]{3}$"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "intent": {
            "enum": ["cancel", "rebook", "refund", "baggage", "seat", "assistance", "information", "complaint"],
        },
        "booking": {"type": "string", "pattern": "^[A-Z0-9]{6}$"},
        "flight": {"type": "string", "pattern": "^[A-Z0-9]{2}[0-9]{1,4}$"},
        "date": {"type": "string", "format": "date"},
        "from": {"$ref": "#/$defs/airport"},
        "to": {"$ref": "#/$defs/airport"},
        "new_date": {"type": "string", "format": "date"},
        "passengers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"$ref": "#/$defs/name"},
                    "age": {"type": "integer", "minimum": 0, "maximum": 120},
                },
                "required": ["name"],
                "additionalProperties": False,
            },
        },
        "bags": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"enum": ["suitcase", "backpack", "stroller", "bicycle", "skis", "instrument", "other"]},
                    "count": {"type": "integer", "minimum": 1, "maximum": 20},
                    "problem": {"enum": ["lost", "late", "damaged", "too_heavy"]},
                },
                "required": ["kind", "count"],
                "additionalProperties": False,
            },
        },
        "wants": {
            "type": "array",
            "uniqueItems": True,
            "minItems": 1,
            "items": {
                "enum": [
                    *("window", "aisle", "front", "legroom", "together"),
                    *("vegetarian", "vegan", "halal", "kosher", "gluten_free"),
                    *("wheelchair", "cot", "escort", "pet_in_cabin"),
                ]
            },
        },
        "amount": {
            "type": "object",
            "properties": {
                "value": {"type": "number", "exclusiveMinimum": 0},
                "currency": {"enum": ["USD", "EUR", "GBP", "JPY"]},
            },
            "required": ["value", "currency"],
            "additionalProperties": False,
        },
        "reply_by": {"enum": ["email", "phone", "sms"]},
        "urgent": {"type": "boolean"},
    },
    "required": ["intent"],
    "additionalProperties": False,
    "$defs": {"name": _NAME, "airport": _AIRPORT},
}
NOTES = {
    "booking": "reference, six capitals or digits",
    "flight": "UA412",
    "date": "of the flight, year 2026 unless said",
    "from": "IATA code: JFK, LHR, CDG",
    "to": "IATA code",
    "new_date": "wished for, when rebooking",
    "passengers": "those named, in the order of the text",
    "passengers[].age": "years",
    "bags": "in the order of the text",
    "amount": "paid, owed or asked back",
    "urgent": "true if it cannot wait, else left out",
}
