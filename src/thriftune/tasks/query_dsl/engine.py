"""The search engine that judges queries: one face over HTTP, embedded by default.

The embedded engine is `osmem-server`, a static binary inside a wheel that speaks OpenSearch's HTTP on loopback and
ends with its parent. A user's own server is reached by the same client and the same calls.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from thriftune.errors import EngineError, MissingPackage
from thriftune.tasks.query_dsl.servers import CLIENTS, OPENSEARCH, Ask, Refused, Server, TooSlow, recognise

_BULK_DOCUMENTS = 500
_LOADING_SECONDS = 300.0  # a busy machine may take long over documents; only a search is worth giving up early
_DURATION = re.compile(r"\d+(nanos|micros|ms|s|m|h|d)")


@dataclass(frozen=True)
class Refusal:
    """What the engine said when it did not answer a body.

    Attributes:
        kind: `invalid` (the body is wrong), `unsupported` (this engine cannot judge it, or has no room for it now),
            `limit:time` or `limit:results`.
        reason: the engine's own sentence.
    """

    kind: str
    reason: str


class Engine:
    """Searches one server. Answers are plain dictionaries; a refused body is a `Refusal`, never an exception.

    Args:
        kind: `opensearch`, `elasticsearch`, or `auto` to ask the server at the first use.

    Raises (all calls): EngineError: the server is gone or refuses the credentials.
        MissingPackage: it is Elasticsearch and its client is not installed.
    """

    def __init__(
        self, url: str, auth: tuple[str, str] | None = None, timeout_seconds: float = 10.0, kind: str = "auto"
    ) -> None:
        self.url = url
        self.auth = auth
        self._timeout = timeout_seconds
        self._kind = kind

    @cached_property
    def server(self) -> Server:
        """What the server is."""
        if self._kind != "auto":
            return Server(self._kind, "")
        return recognise(self.url, self.auth, self._timeout)

    @cached_property
    def _client(self) -> Ask:
        return CLIENTS[self.server.kind](self.url, self.auth)

    def load(
        self, index: str, mapping: dict[str, Any], documents: Iterable[dict[str, Any]], strict: bool = True
    ) -> int:
        """Create `index` anew and fill it; return the number of documents sent.

        Args:
            strict: a document that the mapping refuses is an error; otherwise it is left out.

        Raises:
            EngineError: the mapping or, if `strict`, a document is refused; names the document.
        """
        self.drop(index)
        self._write("PUT", f"/{_quoted(index)}", {"mappings": mapping})
        count = 0
        batch: list[dict[str, Any]] = []
        for document in documents:
            batch.append(document)
            count += 1
            if len(batch) == _BULK_DOCUMENTS:
                self._bulk(index, batch, strict)
                batch = []
        if batch:
            self._bulk(index, batch, strict)
        self._write("POST", f"/{_quoted(index)}/_refresh")
        return count

    def drop(self, index: str) -> None:
        """Delete `index` if it is there."""
        self._write("DELETE", f"/{_quoted(index)}?ignore_unavailable=true")

    def mapping(self, index: str) -> dict[str, Any]:
        """Return the mapping of an index: its `properties` and what stands beside them.

        Raises:
            EngineError: there is no such index, or the name stands for several with other mappings.
        """
        try:
            reply = self._request("GET", f"/{_quoted(index)}/_mapping", None, self._timeout)
        except _BadBatch as fault:
            raise EngineError(f"{self.url} does not give the mapping of {index}: {fault.refusal.reason}") from fault
        found = [each["mappings"] for each in reply.values()]
        if not found or any(each != found[0] for each in found):
            raise EngineError(f"{index} names {len(found)} indices with other mappings; name one of them")
        return dict(found[0])

    def search(self, index: str, bodies: list[dict[str, Any]]) -> list[dict[str, Any] | Refusal]:
        """Run the bodies in one `_msearch`; one answer or refusal each, in order."""
        lines = "".join("{}\n" + json.dumps(self._patient(body)) + "\n" for body in bodies)
        try:
            reply = self._request("POST", f"/{_quoted(index)}/_msearch", lines, self._timeout)
        except _BadBatch as fault:  # one body spoiled the whole batch: ask for each alone
            if len(bodies) == 1:
                return [fault.refusal]
            return [self.search(index, [body])[0] for body in bodies]
        return [self._read(index, item) for item in reply["responses"]]

    def _read(self, index: str, item: dict[str, Any]) -> dict[str, Any] | Refusal:
        if item.get("error", {}) and "index_not_found" in str(item["error"]):  # no body can name an index of its own
            raise EngineError(f"{self.url} has no index {index}")
        return _answer(item)

    def _patient(self, body: dict[str, Any]) -> dict[str, Any]:
        """A server goes on with what its client gave up unless told when to stop; a malformed time is its to refuse."""
        given = body.get("timeout", "1s")
        if isinstance(given, str) and _DURATION.fullmatch(given):
            return body | {"timeout": f"{int(self._timeout * 1000)}ms"}
        return body

    def _write(self, method: str, path: str, body: dict[str, Any] | str | None = None) -> Any:
        return self._request(method, path, body, _LOADING_SECONDS)

    def _request(self, method: str, path: str, body: dict[str, Any] | str | None, seconds: float) -> Any:
        try:
            return self._client(method, path, body, seconds)
        except TooSlow as error:
            raise _BadBatch(Refusal("limit:time", "no answer within the time limit")) from error
        except Refused as error:
            if error.status in (401, 403):
                raise EngineError(f"{self.url} refuses the credentials (HTTP {error.status})") from error
            if error.status == 406 or "media_type_header" in str(error.info):
                raise EngineError(
                    f"{self.url} does not understand the installed client. Install the client of the server's version, "
                    "or mend task.engine.kind"
                ) from error
            raise _BadBatch(_refusal(error.info)) from error

    def _bulk(self, index: str, documents: list[dict[str, Any]], strict: bool) -> None:
        lines = []
        for document in documents:
            source = {key: value for key, value in document.items() if key != "_id"}
            lines.append(json.dumps({"index": {"_id": document["_id"]}}))
            lines.append(json.dumps(source))
        reply = self._write("POST", f"/{_quoted(index)}/_bulk", "\n".join(lines) + "\n")
        if strict and reply["errors"]:
            bad = next(item["index"] for item in reply["items"] if "error" in item["index"])
            raise EngineError(f"index {index}, document {bad['_id']}: {bad['error']['reason']}")


class _BadBatch(EngineError):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def _quoted(index: str) -> str:
    return quote(index, safe=",*")


def _answer(item: dict[str, Any]) -> dict[str, Any] | Refusal:
    if "error" in item:
        return _refusal(item)
    if item.get("timed_out"):
        return Refusal("limit:time", "no answer within the time limit")
    failures = item.get("_shards", {}).get("failures")
    if failures:
        return _refusal({"error": {"root_cause": [failures[0]["reason"]]}})
    return item


def _refusal(info: Any) -> Refusal:
    error = info.get("error", {}) if isinstance(info, dict) else {}
    if not isinstance(error, dict):
        error = {"reason": str(error)}
    cause = (error.get("root_cause") or [error])[0]
    reason = str(cause.get("reason") or error.get("reason") or info)
    if "too_many_buckets" in str(error):
        return Refusal("limit:results", reason)
    overloaded = isinstance(info, dict) and info.get("status") == 429
    unjudged = overloaded or "unsupported_operation" in str(cause.get("type"))
    return Refusal("unsupported" if unjudged else "invalid", reason)


@contextmanager
def embedded(timeout_seconds: float = 10.0) -> Iterator[Engine]:
    """Start the embedded engine on a free loopback port; it ends with the block, or with this process."""
    try:
        from osmem_server import OsmemError, OsmemServer
    except ImportError as error:
        raise MissingPackage("osmem-server", "it is the embedded search engine") from error
    try:
        server = OsmemServer.start(japanese=False)
    except OsmemError as error:
        raise EngineError(
            f"the embedded search engine did not start ({error}). Set task.engine.url to a server"
        ) from error
    try:
        yield Engine(server.url, timeout_seconds=timeout_seconds, kind=OPENSEARCH)
    finally:
        server.process.kill()  # it holds nothing worth keeping, and told to end it says so on our stderr
        server.close()
