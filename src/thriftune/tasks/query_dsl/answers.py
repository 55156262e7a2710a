"""What a body returned, and when two answers are the same.

The definition of execution match (Zhong et al. 2020 for SQL, carried over to search):

* hits: the sets of ids of *all* matches are equal; the order counts only where the gold sorts; a limit (`size`,
  `from`) that cuts the gold's matches must cut the prediction's at the same place, ties in the last group free;
* without a sort a limit cuts by score, which differs between engines: all matches are compared, and the limits;
* aggregations: names do not matter; types, fields, keys, counts and values do; floats to 1e-6, sketches to 5 %
  (cardinalities under 1,000, which servers count, exactly); the order of buckets only where the gold gives one;
* `_source`, highlighting and timings do not count.

Not covered: matches beyond 10,000 documents (compared by total), scores themselves, which of two buckets with equal
counts a `terms` aggregation keeps at its cut (servers take the lesser key; a tie-breaker of one's own differs).
"""

import json
from dataclasses import dataclass
from typing import Any

from thriftune.tasks.query_dsl.bodies import MAX_RESULTS, aggs_of, sorts_of, whole
from thriftune.tasks.query_dsl.buckets import Tree, leaves, same_trees, trees_of

WINDOW = MAX_RESULTS


@dataclass(frozen=True)
class Answer:
    """What a body returned.

    Attributes:
        ids: all matching ids in the order returned. total: how many match.
        keys: for each id the values it was sorted by. sorted_: whether the body sorts by other than the score.
        start, size: the page the body asks for; `size` is None where it does not say.
        hits_asked: whether documents or their number are the answer (else only aggregations).
        aggs: pairs of request and result, see `buckets.trees_of`.
    """

    ids: tuple[str, ...]
    total: int
    keys: tuple[tuple[Any, ...], ...]
    sorted_: bool
    start: int
    size: int | None
    hits_asked: bool
    aggs: tuple[Tree, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing matched at all."""
        return self.total == 0

    @property
    def cut(self) -> bool:
        """Whether the page leaves out some matches on purpose."""
        return self.start > 0 or (self.size is not None and 0 < self.size < self.total)

    @property
    def page(self) -> tuple[int, int]:
        """The first and one-past-last place of the page that a server would return."""
        return self.start, self.start + (10 if self.size is None else self.size)

    def summary(self) -> str:
        """Return a short text of the answer for people."""
        parts = []
        if self.hits_asked:
            start, end = self.page
            shown = ", ".join(self.ids[start : min(end, start + 5)])
            parts.append(f"{self.total} matches" + (f": {shown}…" if shown else ""))
        for kind, field, result in self.aggs[:2]:
            parts.append(f"{kind}({field}) " + json.dumps(result, ensure_ascii=False)[:160])
        return "; ".join(parts)


def request(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body to send so that one reply holds all that is compared. The body itself must be accepted too."""
    kept = ("query", "post_filter", "min_score", "collapse", "search_after", "aggs", "aggregations")
    return {
        **{key: value for key, value in body.items() if key in kept},
        **({"sort": sorts_of(body)} if "sort" in body else {}),
        "_source": False,
        "track_total_hits": True,
        "size": WINDOW if hits_asked(body) else 0,
    }


def read(body: dict[str, Any], reply: dict[str, Any]) -> Answer:
    """Return the answer of `body` from the reply to `request(body)`."""
    hits = reply["hits"]["hits"]
    return Answer(
        ids=tuple(hit["_id"] for hit in hits),
        total=reply["hits"]["total"]["value"],
        keys=tuple(tuple(hit.get("sort", ())) for hit in hits),
        sorted_=_sorted(body),
        start=whole(body.get("from", 0)),
        size=whole(body["size"]) if "size" in body else None,
        hits_asked=hits_asked(body),
        aggs=trees_of(aggs_of(body), reply.get("aggregations", {})),
    )


def same(gold: Answer, other: Answer) -> bool:
    """Tell whether `other` answers what `gold` answers."""
    if gold.hits_asked and not _same_hits(gold, other):
        return False
    return same_trees(gold.aggs, other.aggs) if gold.aggs else not other.aggs or gold.hits_asked


def difference(gold: Answer, other: Answer) -> str:
    """Say in words where two answers differ."""
    if gold.hits_asked and not _same_hits(gold, other):
        missing, extra = set(gold.ids) - set(other.ids), set(other.ids) - set(gold.ids)
        if not other.hits_asked:
            return "returns no documents"
        if missing or extra:
            return f"{len(missing)} matches missing, {len(extra)} too many (of {gold.total})"
        if gold.page != other.page:
            return f"page {other.page[0]}–{other.page[1]} instead of {gold.page[0]}–{gold.page[1]}"
        return "same documents in another order"
    kinds = [f"{kind}({field})" for kind, field, _ in gold.aggs]
    return f"aggregations differ: expected {', '.join(kinds) or 'none'}"


def f1(gold: Answer, other: Answer) -> float:
    """Return the F1 of the ids returned, or of (key, count) pairs of the buckets where no hits are asked."""
    if gold.hits_asked:
        left, right = _shown(gold), _shown(other)
    else:
        left, right = leaves(gold.aggs), leaves(other.aggs)
    if not left and not right:
        return 1.0
    return 2 * len(left & right) / (len(left) + len(right))


def hits_asked(body: dict[str, Any]) -> bool:
    """Whether documents or their number are what a body is after, and not aggregations alone."""
    return not aggs_of(body) or whole(body.get("size", 0)) != 0


def _sorted(body: dict[str, Any]) -> bool:
    sorts = sorts_of(body)
    return bool(sorts) and "_score" not in sorts[0]


def _shown(answer: Answer) -> set[str]:
    start, end = answer.page
    return set(answer.ids[start:end]) if answer.cut and answer.sorted_ else set(answer.ids)


def _same_hits(gold: Answer, other: Answer) -> bool:
    if not other.hits_asked:
        return False
    if gold.size == 0:  # a count
        return set(gold.ids) == set(other.ids) and gold.total == other.total
    if other.size == 0:
        return False
    if gold.cut or other.cut:
        if not _same_cut(gold, other):
            return False
        if gold.sorted_:
            return _same_order(gold, other, gold.page)
    if set(gold.ids) != set(other.ids) or gold.total != other.total:
        return False
    return not gold.sorted_ or _same_order(gold, other, (0, len(gold.ids)))


def _same_cut(gold: Answer, other: Answer) -> bool:
    (start, end), (other_start, other_end) = gold.page, other.page
    return start == other_start and (end == other_end or (end >= gold.total and other_end >= other.total))


def _same_order(gold: Answer, other: Answer, page: tuple[int, int]) -> bool:
    """The page has the same sort keys in the same order; inside a tie group the order is free.

    Keys are the gold's: the prediction may sort by more. Since a group's members are as many on both sides, equal
    keys mean equal members in every complete group; of the last, cut group any members will do.
    """
    key_of = dict(zip(gold.ids, gold.keys, strict=True))
    start, end = page
    expected = list(gold.keys[start:end])
    return expected == [key_of.get(found) for found in other.ids[start:end]]
