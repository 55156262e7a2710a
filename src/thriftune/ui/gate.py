"""Who may enter: whoever opens the address with the token. The browser then bears it as a cookie.

Any process of this machine, and any page in its browser, can reach a port on loopback; none of them has the token.
"""

import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode

_REFUSED = "This address needs its token: open the one that `thriftune ui` printed."


class Gate:
    """ASGI middleware around the whole server, web sockets included."""

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._token = app, token

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Let in, send from the address with the token to the one without, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and self._right(dict(_query(scope)).get("token", "")):
            await _moved(scope, send, self._token)
        elif self._right(_cookie(scope)) and _own_page(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "token"})
        else:
            await _answer(send, 403, [(b"content-type", b"text/plain; charset=utf-8")], _REFUSED)

    def _right(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _query(scope: dict[str, Any]) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _header(scope: dict[str, Any], name: bytes) -> str:
    return str(next((value for key, value in scope["headers"] if key == name), b"").decode("latin-1"))


def _named(scope: dict[str, Any]) -> str:
    """A browser sends a cookie to every port of a host, so its name holds the port."""
    return f"thriftune-{_header(scope, b'host').rpartition(':')[2]}"


def _cookie(scope: dict[str, Any]) -> str:
    try:
        found = SimpleCookie(_header(scope, b"cookie")).get(_named(scope))
    except CookieError:
        return ""
    return found.value if found else ""


def _own_page(scope: dict[str, Any]) -> bool:
    """To a browser, pages of other ports are of the same site: our cookie goes along, but so does their origin."""
    origin = _header(scope, b"origin")
    return not origin or origin.partition("://")[2] == _header(scope, b"host")


async def _moved(scope: dict[str, Any], send: Any, token: str) -> None:
    """The token leaves the address, so that it stands in no history and no link."""
    rest = urlencode([(key, value) for key, value in _query(scope) if key != "token"])
    place = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
    cookie = f"{_named(scope)}={token}; Path=/; HttpOnly; SameSite=Lax"
    await _answer(send, 303, [(b"location", place.encode()), (b"set-cookie", cookie.encode())], "")


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]], text: str) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
