"""The whole grammar: a search body for one mapping."""

from collections.abc import Iterator
from typing import Any

from thriftune.tasks.base import Grammar
from thriftune.tasks.query_dsl.grammar import aggregations, queries
from thriftune.tasks.query_dsl.grammar.fields import EXACT, Scope, scopes_of
from thriftune.tasks.query_dsl.grammar.lark import keys, lark, listed, literal, once, rule
from thriftune.tasks.query_dsl.grammar.values import terminals
from thriftune.tasks.query_dsl.mapping import fields_of

_SORTS, _SHOWN = 6, 24


def grammar_of(mapping: dict[str, Any]) -> Grammar:
    """Return the grammar of the bodies that fit a mapping."""
    scopes = scopes_of(fields_of(mapping))
    rules = [*_body(scopes), *_sort(scopes), *queries.rules(scopes), *aggregations.rules(scopes)]
    named = [text for scope in scopes for text in scope.terminals.values()]
    return Grammar("lark", "\n".join([*rules, terminals(), *named]))


def _body(scopes: list[Scope]) -> Iterator[str]:
    yield lark("start: `{` body::0x0 `}`")
    texts = [
        lark('`"query":` $query', query=queries.query(scopes[0])),
        lark('`"from":` FROM'),
        lark('`"size":` SIZE'),
        lark('`"sort":` (sort_entry | $some)', some=listed("sort_entry", _SORTS)),
        lark('`"_source":` (BOOL | SHOWN | $some)', some=listed("SHOWN", _SHOWN)),
        lark('`"track_total_hits":` (BOOL | POSITIVE)'),
        lark('`"aggs":` $aggs', aggs=aggregations.aggregations(scopes[0])),
    ]
    entries = once(*texts)
    entries[1], entries[2] = ("bit_or(0x82)", texts[1]), ("bit_or(0x84)", texts[2])
    entries.append(("bit_or(0x86)", lark('`"size":` LARGE')))  # results end at 10,000, so a large page starts at 0
    yield from keys("body", entries)
    shown = [name for scope in scopes for name in scope.with_objects()] + [scope.path for scope in scopes[1:]]
    yield rule("SHOWN", (literal(literal(name)) for name in shown))


def _sort(scopes: list[Scope]) -> Iterator[str]:
    """By a field, a field of nested objects, the distance or the score."""
    entries = ['`"order":` DIR', '`"missing":` /"_(first|last)"/', '`"mode":` /"(min|max)"/']
    yield from keys("how", once(*map(lark, entries)))
    alternatives = [lark('`"_score"`'), lark('`{"_score":` DIR `}`')]
    if plain := scopes[0].field(*EXACT):
        alternatives += [plain, lark("`{` ($keys) (DIR | `{` how::0x0 `}`) `}`", keys=_keys(scopes[0]))]
    for scope in scopes[1:]:
        if scope.named(*EXACT):
            text = '`{` ($keys) `{` how::0x0 `,"nested":{"path":"$path"}}}`'
            alternatives.append(lark(text, keys=_keys(scope), path=scope.path))
    for key, _ in scopes[0].keyed("geo"):
        text = '`{"_geo_distance":{` $key $point `,"order":` DIR (`,"unit":` UNIT)? `}}`'
        alternatives.append(lark(text, key=key, point=queries.POINT))
    yield rule("sort_entry", alternatives)


def _keys(scope: Scope) -> str:
    return " | ".join(key for key, _ in scope.keyed(*EXACT))
