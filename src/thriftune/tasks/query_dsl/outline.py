"""What may be asked of an index: the clause families that its mapping allows, each in a sentence."""

from collections.abc import Callable
from typing import Any

from thriftune.tasks.query_dsl.mapping import fields_of

_ALWAYS: Callable[[set[str]], bool] = lambda types: True  # noqa: E731
_NUMBERS = {"long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"}
_ORDERED = _NUMBERS | {"date"}
_FAMILIES: dict[str, tuple[str, Callable[[set[str]], bool]]] = {
    "filter": ("It names an exact value of a field, such as a name, a code or a status.", _ALWAYS),
    "full text": ("It looks for words in a field of free text.", lambda types: bool(types & {"text"})),
    "pattern": ("It knows only a part of a value, such as how a name begins.", lambda types: "keyword" in types),
    "negation": ("It excludes something, with words such as not, without, except.", _ALWAYS),
    "alternatives": ("It lets one of two or three things hold, with the word or.", _ALWAYS),
    "range": ("It bounds a number or a date: more than, before, between.", lambda types: bool(types & _ORDERED)),
    "date math": ("It speaks of time as seen from now: last week, this year.", lambda types: "date" in types),
    "exists": ("It asks for what has, or lacks, any value in a field.", _ALWAYS),
    "nested": ("Its conditions must hold of one and the same inner object.", lambda types: "nested" in types),
    "geo": ("It asks for what lies near a place, or inside an area.", lambda types: "geo_point" in types),
    "sort": ("It wants the hits in a certain order.", lambda types: bool(types & _ORDERED)),
    "top n": ("It wants the few with the most or the least of something.", lambda types: bool(types & _ORDERED)),
    "page": ("It wants a later page of the hits, such as the second ten.", _ALWAYS),
    "fields": ("It wants only certain fields of each hit.", _ALWAYS),
    "count": ("It asks how many there are, and for nothing else.", _ALWAYS),
    "aggregation": ("It asks for a figure over many: an average, a total, how many of each kind.", _ALWAYS),
    "sub-aggregation": ("It asks for a figure within each group, such as an average for each kind.", _ALWAYS),
}


def families(mapping: dict[str, Any]) -> dict[str, str]:
    """Return the families that questions about this mapping may have, each with a sentence."""
    types = {field.type for field in fields_of(mapping).values()}
    return {name: sentence for name, (sentence, holds) in _FAMILIES.items() if holds(types)}
