"""Two answers side by side: both texts laid out, with marks where they differ, and the differences in words.

Queries in JSON are compared by structure; any other text (SQL, JSON that is broken or has a key twice) word by word.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from thriftune.ui.colours import Mark, laid_out
from thriftune.ui.places import Places, places
from thriftune.ui.structure import Difference, Part, Path, differences

_WORD = re.compile(r"\w+|[^\w\s]")
_NAME = re.compile(r"\w+")
_LONGEST = 160  # characters of a value in words


@dataclass(frozen=True)
class Compared:
    """Two texts with marks.

    Attributes:
        by: how they were compared.
        rows: each difference of a structure in words: its path, the value in the first, the value in the second.
    """

    texts: tuple[str, str]
    marks: tuple[list[Mark], list[Mark]]
    by: Literal["structure", "words"]
    rows: list[tuple[str, str, str]]

    @property
    def same(self) -> bool:
        """Whether the texts say the same."""
        return not any(self.marks)


def compared(first: str, second: str) -> Compared:
    """Compare two answers. Never raises for a text."""
    texts = laid_out(first), laid_out(second)
    try:
        found = differences(*map(_read, texts))
        where = places(texts[0]), places(texts[1])
    except (ValueError, RecursionError):
        return Compared(texts, _by_words(*texts), "words", [])
    marks = (
        [_mark(each.first, each.second, where[0]) for each in found if each.first],
        [_mark(each.second, each.first, where[1]) for each in found if each.second],
    )
    rows = [_row(each, texts, where) for each in found]
    return Compared(texts, (sorted(marks[0]), sorted(marks[1])), "structure", rows)


def _read(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_members, parse_constant=_refuse, parse_float=_finite)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key comes twice")
    return members


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError(f"{text} is beyond what can be compared")
    return value


def _mark(part: Part, other: Part | None, where: Places) -> Mark:
    """A part that only one side has is marked with its key; of a place with two values the value alone."""
    place = where[part.path]
    return Mark(place.value if other else place.begins, place.end, "changed" if other else "only")


def _row(each: Difference, texts: tuple[str, str], where: tuple[Places, Places]) -> tuple[str, str, str]:
    part = each.first or each.second
    assert part is not None
    first, second = (_shown(*side) for side in zip((each.first, each.second), texts, where, strict=True))
    return written(part.path), first, second


def _shown(part: Part | None, text: str, where: Places) -> str:
    if part is None:
        return "–"
    value = re.sub(r"\n\s*", " ", text[where[part.path].value : where[part.path].end])
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"


def written(path: Path) -> str:
    """Return a path as text, such as `query.bool.filter[0].term["title.keyword"]`."""
    return "".join(map(_step, path)).removeprefix(".") or "the whole"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if _NAME.fullmatch(step) else f"[{json.dumps(step, ensure_ascii=False)}]"


def _by_words(first: str, second: str) -> tuple[list[Mark], list[Mark]]:
    words = list(_WORD.finditer(first)), list(_WORD.finditer(second))
    marks: tuple[list[Mark], list[Mark]] = [], []
    for tag, a, a_end, b, b_end in SequenceMatcher(None, *([w[0] for w in side] for side in words)).get_opcodes():
        if tag != "equal":
            kind: Literal["changed", "only"] = "changed" if tag == "replace" else "only"
            for found, side, start, end in ((marks[0], words[0], a, a_end), (marks[1], words[1], b, b_end)):
                found += _run(side[start:end], kind)
    return marks


def _run(words: Iterable[re.Match[str]], kind: Literal["changed", "only"]) -> list[Mark]:
    chosen = list(words)
    return [Mark(chosen[0].start(), chosen[-1].end(), kind)] if chosen else []
