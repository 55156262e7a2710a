"""Running bodies on an index: one search each, where one tells both what a body returns and whether it is accepted."""

from typing import Any

from thriftune.tasks.base import Found
from thriftune.tasks.query_dsl import answers
from thriftune.tasks.query_dsl.bodies import Fault
from thriftune.tasks.query_dsl.engine import Engine, Refusal
from thriftune.tasks.query_dsl.places import located

_KEPT = {"query", "post_filter", "min_score", "aggs", "aggregations", "sort"}  # as in the request for the answer
_REPLACED = {"size", "from", "_source", "track_total_hits"}


def ask(engine: Engine, index: str, asked: list[dict[str, Any]]) -> list[answers.Answer | Fault]:
    """Run the bodies in one `_msearch`; return an answer or a fault each, in order.

    Sent is the request that the answer is read from, and before it, unless it says as much, the body as it stands:
    a refusal must be that of the body.
    """
    sent = [[answers.request(body)] if _settled(body) else [_lean(body), answers.request(body)] for body in asked]
    replies = iter(engine.search(index, [request for requests in sent for request in requests]))
    return [_answer(body, [next(replies) for _ in requests]) for body, requests in zip(asked, sent, strict=True)]


def found_by(reply: dict[str, Any] | Refusal) -> Found:
    """Return what a search returned, for people to look at."""
    if isinstance(reply, Refusal):
        return Found(None, fault=reply.kind, detail=reply.reason)
    hits = reply["hits"]
    rows = tuple({"_id": hit["_id"], **hit.get("_source", {})} for hit in hits["hits"])
    return Found(hits["total"]["value"], rows, reply.get("aggregations"))


def _settled(body: dict[str, Any]) -> bool:
    """Whether the request for the answer leaves out only what every server accepts as it is written."""
    size, start = body.get("size", 10), body.get("from", 0)
    return (
        body.keys() <= _KEPT | _REPLACED
        and {type(size), type(start)} == {int}
        and min(size, start) >= 0
        and size + start <= answers.WINDOW
        and isinstance(body.get("_source", False), bool)
        and isinstance(body.get("track_total_hits", True), bool)
        and _plain_sort(body.get("sort", []))
        and not ("aggs" in body and "aggregations" in body)
        and not ("sort" in body and not answers.hits_asked(body))
    )


def _plain_sort(sort: Any) -> bool:
    entries = sort if isinstance(sort, list) else [sort]
    return all(isinstance(entry, str | dict) and entry for entry in entries)


def _lean(body: dict[str, Any]) -> dict[str, Any]:
    """Whether a body is accepted can be told without the documents' sources."""
    return body | {"_source": False} if body.get("_source", True) is True else body


def _answer(body: dict[str, Any], replies: list[dict[str, Any] | Refusal]) -> answers.Answer | Fault:
    for reply in replies:
        if isinstance(reply, Refusal):
            return Fault(reply.kind, located(reply.reason, body))
    last = replies[-1]
    assert isinstance(last, dict)
    return answers.read(body, last)
