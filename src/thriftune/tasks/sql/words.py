"""A query as words: enough to spell it in one way and to say what it is made of. SQLite alone decides what is SQL."""

import re
from collections import Counter
from typing import NamedTuple

_KEYWORDS = (
    "all and as asc between by case cast cross current_date desc distinct else end escape except exists filter first "
    "following from full glob group having in inner intersect is isnull join last left like limit materialized natural "
    "not notnull null nulls offset on or order outer over partition preceding range recursive right rows select then "
    "unbounded union using values when where window with"
)
KEYWORDS = frozenset(_KEYWORDS.split())
# Space is what SQLite takes for space: a vertical tab or a no-break space is a fault in a query, and must stay one.
_PART = re.compile(
    r"""(?P<comment>--[^\n]*|/\*(?!\Z).*?(?:\*/|\Z))
    |(?P<quoted>'(?:[^']|'')*(?:'|\Z)|"(?:[^"]|"")*(?:"|\Z)|`[^`]*(?:`|\Z)|\[[^\]]*(?:\]|\Z))
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d\w*(?:\.\w*)?(?:(?<=[eE])[+-]\d+)?)
    |(?P<space>[ \t\n\f\r]+)
    |(?P<sign><>|<=|>=|==|!=|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)
_SAME = {"!=": "<>", "==": "="}
_AGGREGATES = {"count", "sum", "avg", "min", "max", "total", "group_concat"}
_FAMILIES = {
    "where": "where", "join": "join", "group": "group_by", "having": "having", "order": "order_by", "limit": "limit",
    "distinct": "distinct", "union": "set_operation", "except": "set_operation", "intersect": "set_operation",
    "like": "like", "glob": "like", "between": "range", "in": "in", "null": "null", "isnull": "null",
    "notnull": "null", "not": "not", "or": "or", "case": "case", "with": "with", "over": "window", "strftime": "date",
    "exists": "exists",
}  # fmt: skip


class Word(NamedTuple):
    """A word in small letters (a string as it is), its place in the query, and how many parentheses are around it."""

    text: str
    start: int
    end: int
    depth: int


def words_of(query: str) -> list[str]:
    """Return the query's words, numbers, strings and signs; comments and space are left out."""
    return [part[0] for part in _PART.finditer(query) if part.lastgroup not in ("comment", "space")]


def marked(query: str) -> list[Word]:
    """Return the words with their places, without semicolons at the end; a parenthesis counts as inside itself."""
    words: list[Word] = []
    depth = 0
    for part in _PART.finditer(query):
        if part.lastgroup in ("comment", "space"):
            continue
        depth += part[0] == "("
        words.append(Word(part[0] if part.lastgroup == "quoted" else part[0].lower(), *part.span(), depth))
        depth -= part[0] == ")"
    while words and words[-1].text == ";":
        words.pop()
    return words


def tidy(query: str) -> str:
    """Return the query on one line: comments and the last semicolon off, keywords in capitals, strings as they are."""
    made: list[str] = []
    for part in _PART.finditer(query):
        if part.lastgroup in ("comment", "space"):
            made.append("" if made and made[-1] == " " else " ")
        else:
            made.append(part[0].upper() if part[0].lower() in KEYWORDS else part[0])
        if not made[-1]:
            made.pop()
    return "".join(made).strip(" ").removesuffix(";").rstrip(" ")


def canonical(query: str) -> tuple[str, ...]:
    """Return the words in small letters outside strings, without a last semicolon and unused names of output columns.

    `!=` is `<>`, and `==` is `=`.

    It is a comparison of texts: queries that say the same in another way differ. That is what execution is for.
    """
    return tuple(_SAME.get(word, word) for word in _without_names(marked(query)))


def families(query: str) -> tuple[str, ...]:
    """Return the families of a query, sorted; those of a text that is no query are of no use, and harmless."""
    words = [word.lower() for word in words_of(query)]
    found = {family for word in words if (family := _FAMILIES.get(word))}
    found |= {"aggregate"} if _AGGREGATES & set(words) else set()
    return tuple(sorted(found | ({"subquery"} if words.count("select") > 1 else set())))


def _without_names(words: list[Word]) -> list[str]:
    """Drop `AS name` of the outermost columns where nothing else in the query says the name."""
    counts = Counter(word.text for word in words)
    kept: list[str] = []
    in_columns, skip = False, False
    for word, following in zip(words, [*words[1:], None], strict=True):
        if word.depth == 0 and word.text in ("select", "from"):
            in_columns = word.text == "select"
        if skip:
            skip = False
        elif word.depth == 0 and in_columns and word.text == "as" and following and counts[following.text] == 1:
            skip = True
        else:
            kept.append(word.text)
    return kept
