"""Rules for queries: `q_TAG_n` is a query in a scope that may hold n more levels of compound queries."""

from collections.abc import Iterator

from thriftune.tasks.query_dsl.grammar.fields import EXACT, ORDERED, Scope
from thriftune.tasks.query_dsl.grammar.lark import either, keys, lark, listed, once, rule

DEPTH = 3  # compound queries within each other; the deepest of the demo's lessons has two
_CLAUSES, _VALUES, _FIELDS = 12, 40, 8  # items of an array, at most
_CASED = lark('STR | `{"value":` STR (`,"case_insensitive":` BOOL)? `}`')
_FUZZY = lark('STR | `{"value":` STR (`,"fuzziness":` FUZZINESS)? `}`')
POINT = lark('`{"lat":` LAT `,"lon":` LON `}`')


def rules(scopes: list[Scope]) -> Iterator[str]:
    """Yield the rules of queries in all scopes."""
    yield "names: " + listed("ID", _VALUES)
    yield lark('minimum: `"minimum_should_match":` AT_LEAST')
    yield lark('operator: `"operator":` AND_OR')
    yield lark('fuzziness: `"fuzziness":` FUZZINESS')
    yield lark('words: `"query":` STR')
    yield from keys("match_o", once("words", "operator", "fuzziness", "minimum"), needs={1: 0, 2: 0, 3: 0})
    yield from keys("phrase_o", once("words", lark('`"slop":` /[0-9]{1,2}/')), needs={1: 0})
    for scope in scopes:
        yield from _leaves(scope)
        for depth in range(DEPTH + 1):
            yield from _compound(scope, depth)


def query(scope: Scope, depth: int = DEPTH) -> str:
    """Return the name of the rule of a query."""
    return f"q_{scope.tag}_{depth}"


def _compound(scope: Scope, depth: int) -> Iterator[str]:
    """A query is a leaf, or a compound of shallower ones; a nested query goes on in the scope of its object."""
    alternatives = [f"leaf_{scope.tag}", *(_nested(inner, depth) for inner in scope.inner)]
    if depth:
        inner, name = query(scope, depth - 1), f"bool_{scope.tag}_{depth}"
        some = listed(inner, _CLAUSES)
        alternatives += [
            lark('`{"bool":{` $name::0x0 `}}`', name=name),
            lark('`{"constant_score":{"filter":` $inner `}}`', inner=inner),
            lark('`{"dis_max":{"queries":` $some `}}`', some=some),
        ]
        parts = (lark('`"$key":` ($some | $one)', key=key, some=some, one=inner) for key in _PARTS)
        yield from keys(name, once(*parts, "minimum"), needs={4: 2})
    yield rule(query(scope, depth), alternatives)


_PARTS = ("must", "filter", "should", "must_not")


def _nested(inner: Scope, depth: int) -> str:
    mode = lark('(`,"score_mode":` /"(avg|max|min|sum|none)"/)?')
    text = '`{"nested":{"path":"$path","query":` $query $mode `}}`'
    return lark(text, path=inner.path, query=query(inner, depth), mode=mode)


def _leaves(scope: Scope) -> Iterator[str]:
    alternatives = [lark('`{"match_all":{}}`')]
    for kind in (_exact, _range, _texts, _patterns, _geo):
        alternatives += kind(scope)
    if named := scope.exists():
        alternatives.append(lark('`{"exists":{"field":` $named `}}`', named=named))
    if not scope.path:
        alternatives.append(lark('`{"ids":{"values":` names `}}`'))
    yield rule(f"leaf_{scope.tag}", alternatives)
    yield from _bounds(scope)
    if scope.named("text"):
        yield from _multi(scope)


def _clause(name: str, bodies: list[str]) -> list[str]:
    """Return the alternative `{"name":{…}}`, if there is any field to ask."""
    return [lark('`{"$name":{` $bodies `}}`', name=name, bodies=either(bodies))] if bodies else []


def _exact(scope: Scope) -> Iterator[str]:
    pairs = scope.keyed(*EXACT)
    one = '$key ($value | `{"value":` $value `}`)'
    yield from _clause("term", [lark(one, key=key, value=value) for key, value in pairs])
    yield from _clause("terms", [f"{key} {listed(value, _VALUES)}" for key, value in pairs])


def _range(scope: Scope) -> Iterator[str]:
    pairs = enumerate(scope.keyed(*ORDERED))
    text = "$key `{` bounds_$tag::0x0 `}`"
    yield from _clause("range", [lark(text, key=key, tag=f"{scope.tag}_{n}") for n, (key, _) in pairs])


def _bounds(scope: Scope) -> Iterator[str]:
    """Two bounds at most: one from below, one from above. Dates may be read in a zone of their own."""
    for number, (_, value) in enumerate(scope.keyed(*ORDERED)):
        lower = lark('(`"gte":` | `"gt":`) $value', value=value)
        upper = lark('(`"lte":` | `"lt":`) $value', value=value)
        entries = once(lower, upper, lark('`"time_zone":` ZONE')) if "DATE" in value else once(lower, upper)
        yield from keys(f"bounds_{scope.tag}_{number}", entries, needs={2: 0})


def _texts(scope: Scope) -> Iterator[str]:
    words, exact = [key for key, _ in scope.keyed("text")], [key for key, _ in scope.keyed("keyword")]
    options = {
        "match": "match",
        "match_phrase": "phrase",
        "match_phrase_prefix": "phrase",
        "match_bool_prefix": "match",
    }
    for clause, option in options.items():
        bodies = [lark("$key (STR | `{` $option::0x0 `}`)", key=key, option=f"{option}_o") for key in words]
        yield from _clause(clause, bodies + ([f"{key} STR" for key in exact] if clause == "match" else []))
    if words:
        yield lark('`{"multi_match":{` multi_$tag::0x0 `}}`', tag=scope.tag)
        text = '`{"simple_query_string":{"query":` STR `,"fields":` $fields (`,"default_operator":` AND_OR)? `}}`'
        yield lark(text, fields=listed(scope.boosted(), _FIELDS))


def _multi(scope: Scope) -> Iterator[str]:
    """`multi_match`: of its types only two go with fuzziness, so entry 4 and entries 5 and 6 exclude each other."""
    entries = once("words", lark('`"fields":` $fields', fields=listed(scope.boosted(), _FIELDS)), "operator", "minimum")
    entries.append(("bit_or(0x70)", lark('`"type":` /"(phrase|phrase_prefix|cross_fields)"/')))
    entries.append(("bit_or(0x30)", "fuzziness"))
    entries.append(("bit_or(0x50)", lark('`"type":` /"(best_fields|most_fields)"/')))
    yield from keys(f"multi_{scope.tag}", entries, needs={1: 0, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1})


def _patterns(scope: Scope) -> Iterator[str]:
    bodies = {"prefix": _CASED, "wildcard": _CASED, "fuzzy": _FUZZY}
    for clause, body in bodies.items():
        yield from _clause(clause, [f"{key} ({body})" for key, _ in scope.keyed("keyword", "text")])


def _geo(scope: Scope) -> Iterator[str]:
    for key, _ in scope.keyed("geo"):
        yield lark('`{"geo_distance":{"distance":` DISTANCE `,` $key $point `}}`', key=key, point=POINT)
        corners = lark('`{"top_left":` $point `,"bottom_right":` $point `}`', point=POINT)
        yield lark('`{"geo_bounding_box":{` $key $corners `}}`', key=key, corners=corners)
