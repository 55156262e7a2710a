"""Pieces of Lark text."""

import json
import re
from collections.abc import Iterable, Sequence
from string import Template

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*":?|[^"]')  # of JSON: a name with its colon, a string, a sign


def lark(text: str, **parts: str) -> str:
    """Return Lark text: what stands between backticks is JSON to be written, `$name` is one of the parts.

    JSON is cut into its tokens: the lexer is greedy, so no literal may begin with another that could stand there too.
    """
    pieces = [Template(piece).substitute(parts) for piece in text.split("`")]
    return "".join(_tokens(piece) if number % 2 else piece for number, piece in enumerate(pieces))


def _tokens(json_text: str) -> str:
    return " ".join(map(literal, _TOKEN.findall(json_text)))


def literal(text: str) -> str:
    """Return a Lark string. Of a name, this is also its JSON spelling."""
    return json.dumps(text, ensure_ascii=False)


def either(alternatives: Iterable[str]) -> str:
    """Return a group of alternatives."""
    return "(" + " | ".join(alternatives) + ")"


def rule(name: str, alternatives: Iterable[str]) -> str:
    """Return a rule, or a terminal, with its alternatives."""
    return f"{name}: " + "\n  | ".join(alternatives)


def listed(item: str, most: int) -> str:
    """Return a JSON array of 1 to `most` items."""
    return lark("`[` $item (`,` $item){0,$more} `]`", item=item, more=str(most - 1))


def keys(name: str, entries: Sequence[tuple[str, str]], needs: dict[int, int] | None = None) -> list[str]:
    """Return rules for one or more entries of a JSON object, each at most once, in any order.

    The rule is used as `name::0x0`; bit k of its parameter says that entry k has been written.

    Args:
        entries: (what writing it does to the bits, as a Lark function; its text).
        needs: entry → the entry that it only follows.
    """
    alternatives = []
    for bit, (written, text) in enumerate(entries):
        condition = f"bit_clear({bit})"
        if needs and bit in needs:
            condition = f"and({condition}, bit_set({needs[bit]}))"
        alternatives.append(f"{text} {name}_more::{written} %if {condition}")
    return [rule(f"{name}::_ ", alternatives), f'{name}_more::_ : "" | "," {name}::_']


def once(*texts: str) -> list[tuple[str, str]]:
    """Return entries that set their own bit."""
    return [(f"set_bit({bit})", text) for bit, text in enumerate(texts)]
