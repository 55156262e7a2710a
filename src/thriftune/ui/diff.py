"""Two answers side by side: both texts laid out, with marks where they differ, and the differences in words.

Queries in JSON are compared by structure; any other text (SQL, JSON that is broken or has a key twice) word by word.
"""

import json
import re
from collections.abc import Sequence
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
    one = sorted(_mark(each.first, each.second, where[0]) for each in found if each.first)
    other = sorted(_mark(each.second, each.first, where[1]) for each in found if each.second)
    return Compared(texts, (one, other), "structure", [_row(each, texts, where) for each in found])


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
    words, others = list(_WORD.finditer(first)), list(_WORD.finditer(second))
    marks: list[Mark] = []
    other_marks: list[Mark] = []
    matcher = SequenceMatcher(None, [word[0] for word in words], [word[0] for word in others])
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        if tag != "equal":
            kind: Literal["changed", "only"] = "changed" if tag == "replace" else "only"
            marks += _run(words[a:a_end], kind)
            other_marks += _run(others[b:b_end], kind)
    return marks, other_marks


def _run(words: Sequence[re.Match[str]], kind: Literal["changed", "only"]) -> list[Mark]:
    return [Mark(words[0].start(), words[-1].end(), kind)] if words else []
