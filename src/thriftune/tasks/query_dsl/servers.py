"""HTTP to a search server through its official client: OpenSearch 2 and 3, Elasticsearch 8 and 9.

The clients differ in names, in content types and in a check that the server is of their maker; here both are one
function of method, path and body. Elasticsearch's client is an optional package, imported when it is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import opensearchpy
from opensearchpy.exceptions import ConnectionError as OpenSearchGone
from opensearchpy.exceptions import ConnectionTimeout, TransportError

from thriftune.errors import EngineError, MissingPackage

OPENSEARCH, ELASTICSEARCH = "opensearch", "elasticsearch"
_LEAST = {OPENSEARCH: 2, ELASTICSEARCH: 8}


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, info: Any) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.info = status, info


class TooSlow(Exception):
    """The server gave no answer in time."""


class Ask(Protocol):
    """Send one request and return the parsed answer.

    A body that is text is sent as lines of JSON.

    Raises:
        Refused, TooSlow: see there.
        EngineError: the server is gone, or is none that the client speaks with.
    """

    def __call__(self, method: str, path: str, body: dict[str, Any] | str | None = None, seconds: float = 10.0) -> Any:
        """See the class."""


@dataclass(frozen=True)
class Server:
    """What a server says it is: `opensearch` or `elasticsearch`, and its version."""

    kind: str
    version: str


def opensearch(url: str, auth: tuple[str, str] | None) -> Ask:
    """Return the face of OpenSearch's client; the embedded engine speaks it too."""
    client = opensearchpy.OpenSearch(hosts=[url], http_auth=auth, max_retries=0)

    def ask(method: str, path: str, body: dict[str, Any] | str | None = None, seconds: float = 10.0) -> Any:
        try:
            return client.transport.perform_request(
                method, path, params={"request_timeout": seconds}, headers=_headers(body), body=body
            )
        except ConnectionTimeout as error:
            raise TooSlow from error
        except OpenSearchGone as error:
            raise _gone(url, error.error) from error
        except TransportError as error:
            raise Refused(int(error.status_code), error.info) from error

    return ask


def elasticsearch(url: str, auth: tuple[str, str] | None) -> Ask:
    """Return the face of Elasticsearch's client.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        from elastic_transport import ConnectionTimeout as NoAnswer
        from elastic_transport import TransportError as NotReached
        from elasticsearch import ApiError, Elasticsearch, UnsupportedProductError
    except ImportError as error:
        raise MissingPackage("thriftune[elasticsearch]", "Elasticsearch refuses other clients than its own") from error
    client = Elasticsearch(hosts=url, basic_auth=auth, max_retries=0, retry_on_timeout=False)

    def ask(method: str, path: str, body: dict[str, Any] | str | None = None, seconds: float = 10.0) -> Any:
        try:
            asking = client.options(request_timeout=seconds)
            return asking.perform_request(method, path, headers=_headers(body), body=body).body
        except NoAnswer as error:
            raise TooSlow from error
        except UnsupportedProductError as error:
            raise EngineError(f"{url} is not Elasticsearch. Set task.engine.kind: opensearch") from error
        except ApiError as error:
            raise Refused(int(error.meta.status), error.body) from error
        except NotReached as error:
            raise _gone(url, str(error.message)) from error

    return ask


CLIENTS: dict[str, Callable[[str, tuple[str, str] | None], Ask]] = {
    OPENSEARCH: opensearch,
    ELASTICSEARCH: elasticsearch,
}


def recognise(url: str, auth: tuple[str, str] | None, seconds: float) -> Server:
    """Ask the server what it is.

    Raises:
        EngineError: it is gone, refuses, is too old, or is something else; the message has the mend.
    """
    stated = "Set task.engine.kind to opensearch or elasticsearch"
    try:
        info = opensearch(url, auth)("GET", "/", seconds=seconds)
    except TooSlow as error:
        raise EngineError(f"{url} does not answer within {seconds:g} s") from error
    except Refused as error:
        if error.status == 401:
            raise EngineError(f"{url} refuses the credentials (HTTP 401)") from error
        raise EngineError(f"{url} does not say what it is (HTTP {error.status}). {stated}") from error
    version = info.get("version") if isinstance(info, dict) else None
    if not isinstance(version, dict) or not isinstance(version.get("number"), str):
        raise EngineError(f"{url} is neither OpenSearch nor Elasticsearch, as far as it says. {stated}")
    found = Server(OPENSEARCH if version.get("distribution") == OPENSEARCH else ELASTICSEARCH, version["number"])
    major = found.version.partition(".")[0]
    if major.isdigit() and int(major) < _LEAST[found.kind]:
        raise EngineError(f"{url} is {found.kind} {found.version}; {_LEAST[found.kind]} or newer is needed. {stated}")
    return found


def _headers(body: Any) -> dict[str, str]:
    kind = "application/x-ndjson" if isinstance(body, str) else "application/json"
    return {"accept": "application/json"} | ({"content-type": kind} if body is not None else {})


def _gone(url: str, reason: Any) -> EngineError:
    return EngineError(f"cannot reach the search engine at {url}: {reason}")
