"""Rules for aggregations: `a_TAG_n` is an object of named aggregations in a scope, with n more levels below."""

from collections.abc import Iterator

from thriftune.tasks.query_dsl.grammar.fields import EXACT, Scope
from thriftune.tasks.query_dsl.grammar.lark import either, keys, lark, listed, once, rule
from thriftune.tasks.query_dsl.grammar.queries import query

DEPTH = 4
_SIBLINGS, _RANGES, _PERCENTS, _COMPOUND = 6, 12, 9, 2
_FIGURES = ("avg", "sum", "min", "max")
_STEPS = (
    '(`,"calendar_interval":` CALENDAR | `,"fixed_interval":` FIXED) (`,"time_zone":` ZONE)?'
    ' (`,"min_doc_count":` COUNT)? (`,"extended_bounds":{"min":` $date `,"max":` $date `}`)?'
)


def rules(scopes: list[Scope]) -> Iterator[str]:
    """Yield the rules of aggregations in all scopes."""
    yield lark('range_key: (`"key":` STR `,`)?')
    texts = ('`"size":` POSITIVE', '`"min_doc_count":` COUNT')
    yield from keys("terms_o", once(*map(lark, texts)))
    for scope in scopes:
        for depth in range(DEPTH):
            yield from _level(scope, depth)


def aggregations(scope: Scope, depth: int = DEPTH - 1) -> str:
    """Return the name of the rule of an object of aggregations."""
    return f"a_{scope.tag}_{depth}"


def _level(scope: Scope, depth: int) -> Iterator[str]:
    one, below = f"one_{scope.tag}_{depth}", ""
    yield f"{aggregations(scope, depth)}: " + lark("`{` NAME $one (`,` NAME $one){0,$more} `}`", one=one, more=_MORE)
    if depth:
        below = lark('(`,"aggs":` $inner)?', inner=aggregations(scope, depth - 1))
    alternatives = [*_metrics(scope), *(lark("$bucket $below `}`", bucket=b, below=below) for b in _buckets(scope))]
    if depth:
        alternatives += [*_ordered(scope, depth), *_elsewhere(scope, depth)]
    yield rule(one, alternatives)


_MORE = str(_SIBLINGS - 1)
_OF_ORDERED, _OF_NUMBERS, _OF_ANY = (
    ("min", "max", "stats"),
    ("avg", "sum", "extended_stats"),
    ("cardinality", "value_count"),
)


def _metrics(scope: Scope) -> Iterator[str]:
    numbers = scope.field("number")
    for kinds, fields in (
        (_OF_ORDERED, scope.field("number", "date")),
        (_OF_NUMBERS, numbers),
        (_OF_ANY, scope.field(*EXACT)),
    ):
        if fields:
            yield lark(
                '`{` $kind `{"field":` $fields `}}`', kind=either(lark(f'`"{kind}":`') for kind in kinds), fields=fields
            )
    if numbers:
        percents = listed("PERCENT", _PERCENTS)
        yield lark('`{"percentiles":{"field":` $f (`,"percents":` $percents)? `}}`', f=numbers, percents=percents)


def _buckets(scope: Scope) -> Iterator[str]:
    """Yield the aggregations that sort documents into buckets, without the brace that ends them."""
    if exact := scope.field(*EXACT):
        order = lark('(`,"order":{` (`"_count":` | `"_key":`) DIR `}`)?')
        yield lark('`{"terms":{"field":` $f (`,` terms_o::0x0)? $order `}`', f=exact, order=order)
    if keywords := scope.field("keyword"):
        yield lark('`{"terms":{"field":` $f `,"missing":` STR `}`', f=keywords)
    if numbers := scope.field("number"):
        sparse = lark('(`,"min_doc_count":` COUNT)?')
        yield lark('`{"histogram":{"field":` $f `,"interval":` POSITIVE $sparse `}`', f=numbers, sparse=sparse)
        yield _ranges("range", numbers, "REAL")
    for dates, spelling in scope.spelt("date"):
        steps = lark(_STEPS, date=spelling)
        yield lark('`{"date_histogram":{"field":` $f $steps `}`', f=dates, steps=steps)
        yield _ranges("date_range", dates, spelling)
    if every := scope.field(*EXACT, "geo"):
        yield lark('`{"missing":{"field":` $f `}`', f=every)
    inner = query(scope, _COMPOUND)
    yield lark('`{"filter":` $query', query=inner)
    named = lark("`{` NAME $query (`,` NAME $query){0,$more} `}`", query=inner, more=str(_RANGES - 1))
    yield lark('`{"filters":{"filters":` ($named | $list) `}`', named=named, list=listed(inner, _RANGES))


def _ranges(name: str, fields: str, value: str) -> str:
    bounds = lark('(`"from":` $value (`,"to":` $value)? | `"to":` $value)', value=value)
    some = listed(lark("`{` range_key $bounds `}`", bounds=bounds), _RANGES)
    return lark('`{"$name":{"field":` $f `,"ranges":` $some `}`', name=name, f=fields, some=some)


def _ordered(scope: Scope, depth: int) -> Iterator[str]:
    """`terms` ordered by a figure. The figure must be there below, so its name is made of it: `avg_dep_delay`.

    It is the first below. A name of the writer's own could not be demanded again by a context-free grammar.
    """
    figures = [(kind, name) for kind in _FIGURES for name in scope.named("number")]
    figures += [(kind, name) for kind in ("cardinality", "value_count") for name in scope.named("keyword", "number")]
    tail = '`"$name":` DIR `}},"aggs":{"$name":{"$kind":{"field":"$f"}}`'
    tails = [lark(tail, name=f"{kind}_{f.replace('.', '_')}", kind=kind, f=f) for kind, f in figures]
    if tails:
        begin = '`{"terms":{"field":` $f (`,` terms_o::0x0)? `,"order":{` ($tails) (`,` NAME $one){0,$more} `}}`'
        one, exact = f"one_{scope.tag}_{depth - 1}", str(scope.field(*EXACT))
        yield lark(begin, f=exact, tails=" | ".join(tails), one=one, more=_MORE)


def _elsewhere(scope: Scope, depth: int) -> Iterator[str]:
    """Aggregations over the inner objects of a nested field."""
    for inner in scope.inner:
        below = aggregations(inner, depth - 1)
        yield lark('`{"nested":{"path":"$path"},"aggs":` $below `}`', path=inner.path, below=below)
