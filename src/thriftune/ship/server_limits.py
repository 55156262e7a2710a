"""What a client may do to the server: who may ask, how much, how deep, how slowly.

Not covered: many connections from many addresses; put a proxy in front of a server on the open network.
"""

import asyncio
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException, Request
from uvicorn.protocols.http.h11_impl import H11Protocol

_DRAINED_BYTES = 512 * 2**20  # a refused body is read to its end, up to here, or its sender never sees the refusal
_SLOW = b'{"error": {"message": "the request came too slowly", "type": "invalid_request_error"}}'


@dataclass(frozen=True)
class Limits:
    """The limits of a server.

    Attributes:
        token: the bearer token that every request but `/health` has to bear; empty for none.
        body_bytes: of a request. depth: levels of its JSON.
        body_seconds: within which a request has to arrive. answer_seconds: within which it is answered.
    """

    token: str = ""
    body_bytes: int = 1 << 20
    depth: int = 64
    body_seconds: float = 10.0
    answer_seconds: float = 120.0


def admit(request: Request, limits: Limits) -> None:
    """Let a request in.

    Raises:
        HTTPException: 401, the token is missing or wrong.
    """
    if not limits.token:
        return
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(errors="replace"), limits.token.encode())
    if scheme.lower() != "bearer" or not right:
        raise HTTPException(401, "the bearer token is missing or wrong", {"WWW-Authenticate": "Bearer"})


async def read_json(request: Request, limits: Limits) -> Any:
    """Return the body of a request as data.

    Raises:
        HTTPException: 400 no JSON, 408 too slow, 413 too large, 415 not declared as JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _body(request, limits.body_bytes)
    except TimeoutError:
        raise HTTPException(408, "the request came too slowly", {"Connection": "close"}) from None
    if body is None:
        raise HTTPException(413, f"a request has at most {limits.body_bytes} bytes", {"Connection": "close"})
    if kind != "application/json":  # a page in a browser cannot send it to a server that has not allowed it
        raise HTTPException(415, "the content type of a request is application/json")
    return parsed(body, limits.depth)


def parsed(body: bytes, depth: int) -> Any:
    """Return JSON as data.

    Raises:
        HTTPException: 400, it is none, or nested too deeply.
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refused)
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        value_depth = _depth(value)
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"the request is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise HTTPException(400, "the request is nested too deeply") from error
    except ValueError as error:
        raise HTTPException(400, f"the request is not JSON: {error}") from error
    if value_depth > depth:
        raise HTTPException(400, f"the request is nested {value_depth} levels deep; at most {depth} are read")
    return value


async def _body(request: Request, most: int) -> bytes | None:
    """Return the body; None if it is too large."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= most:
            chunks.append(chunk)
        elif size > _DRAINED_BYTES:
            break
    return b"".join(chunks) if size <= most else None


def _depth(value: Any) -> int:
    deepest, layer = 0, [value]
    while layer:
        deepest += 1
        layer = [
            item
            for outer in layer
            for item in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
    return deepest


def _refused(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class PatientProtocol(H11Protocol):
    """HTTP whose clients have so many seconds to send the head of a request; then they hear 408."""

    head_seconds = 10.0

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._since: float | None = time.monotonic()
        self._watch = self.loop.call_later(self.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that has begun and not ended is waited for, from its first byte on."""
        super().data_received(data)
        half = bool(self.conn.trailing_data[0]) and (self.cycle is None or self.cycle.response_complete)
        first = self.cycle is None and self._since is not None
        self._since = (self._since or time.monotonic()) if half or first else None

    def _look(self) -> None:
        if self._since is not None and time.monotonic() - self._since >= self.head_seconds:
            head = f"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: {len(_SLOW)}\r\n"
            self.transport.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + _SLOW)
            self.transport.close()
            return
        self._watch = self.loop.call_later(self.head_seconds / 4, self._look)
