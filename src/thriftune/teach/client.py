"""One request to a server that speaks OpenAI's chat completions: answered, or a named fault; never paid twice.

Faults that may pass are tried again; what the server says of the wait is honoured. Every try is entered in the ledger
before it is sent. A try whose fate is unknown stays entered: it may have been paid.
"""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from thriftune.errors import MissingPackage, TeacherError
from thriftune.recipe import Teacher as Settings
from thriftune.teach.ledger import Answered, Ledger, Usage, estimate, key_of
from thriftune.teach.teachers import OVER_BUDGET, Unanswered
from thriftune.teach.writer import Writer

_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class _Reply:
    text: str
    used: Usage | None


@dataclass(frozen=True)
class _Fault:
    """A try that gave nothing. `paid` where it may have cost; `passes` where another try may do better."""

    said: Unanswered
    paid: bool = False
    passes: bool = True
    wait_seconds: float | None = None
    unreachable: BaseException | None = None


class Client:
    """Asks the server of a recipe's teacher. Belongs to the event loop that it is used in.

    The first request goes alone: a wrong key is refused once, and not once for each of many.

    Raises:
        MissingPackage: `openai` is not installed.
    """

    def __init__(self, settings: Settings, key: str, ledger: Ledger) -> None:
        self._settings, self._ledger, self._writer = settings, ledger, Writer(ledger)
        self._server = _server(settings, key)
        self._went = False
        self._heard = asyncio.Event()

    async def ask(self, request: dict[str, Any], sample: int = 0) -> str | Unanswered:
        """Return the response to a request, from the ledger where it is known.

        Raises:
            TeacherError: a fault that no waiting mends: the key, the model, no server.
        """
        key = key_of(request, sample)
        if (known := self._ledger.known(key)) is not None:
            return known
        if self._went:
            await self._heard.wait()
        self._went = True
        for attempt in count():
            if not await asyncio.to_thread(self._ledger.reserve, key, request):
                self._heard.set()
                return Unanswered(OVER_BUDGET, "the budget does not allow this request; raise it and start again")
            reply = await self._try(key, request)
            if isinstance(reply, _Reply):
                return reply.text
            if attempt == self._settings.retries or not reply.passes:
                if reply.unreachable:
                    raise TeacherError(f"cannot reach the teacher at {self._server.base_url}: {reply.unreachable}")
                return reply.said
            await asyncio.sleep(_pause(reply, attempt))
        raise AssertionError("the loop has no end of its own")

    async def close(self) -> None:
        """Close the connections, and let what was answered reach the disk."""
        await self._writer.close()
        await self._server.close()

    async def _try(self, key: str, request: dict[str, Any]) -> _Reply | _Fault:
        try:
            reply = await _once(self._server, request, self._settings.timeout_seconds)
        except TeacherError:
            self._ledger.release(key)
            raise
        if isinstance(reply, _Reply):
            used = reply.used or _guess(request, reply.text)
            await self._writer.settle(Answered(key, reply.text, used))
        elif reply.paid:
            self._ledger.lose(key)
        else:
            self._ledger.release(key)
        if isinstance(reply, _Reply) or not reply.unreachable:
            self._heard.set()
        return reply


def _server(settings: Settings, key: str) -> Any:
    try:
        from openai import AsyncOpenAI, DefaultAioHttpClient
    except ImportError as error:
        raise MissingPackage("openai", "it asks live teachers") from error
    seconds = settings.timeout_seconds
    return AsyncOpenAI(
        api_key=key, base_url=settings.base_url, timeout=seconds, max_retries=0, http_client=DefaultAioHttpClient()
    )


async def _once(server: Any, request: dict[str, Any], patience_seconds: float) -> _Reply | _Fault:
    import openai

    try:
        async with asyncio.timeout(patience_seconds):  # the client's own bounds the pauses, not the whole
            return _read(await server.post("/chat/completions", body=request, cast_to=object))
    except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
        raise TeacherError(f"the teacher refuses the key (HTTP {error.status_code})") from error
    except openai.NotFoundError as error:
        raise TeacherError(f"the teacher does not know the model {request['model']!r}: {error.message}") from error
    except openai.APIStatusError as error:
        return _status(error)
    except (openai.APIConnectionError, TimeoutError) as error:
        return _broken(error)
    except (openai.OpenAIError, ValueError) as error:  # half a body, another encoding, no JSON
        said = Unanswered("teacher_error", f"an answer that cannot be read: {type(error).__name__}")
        return _Fault(said, paid=True)


def _broken(error: BaseException) -> _Fault:
    """Tell a server that was never reached from an answer that was lost: openai's own errors mix them up."""
    import aiohttp  # what the client of openai speaks with

    causes = list(_causes(error))
    unsent = next((cause for cause in causes if isinstance(cause, aiohttp.ClientConnectorError)), None)
    if unsent:
        return _Fault(Unanswered("no_response", "the connection broke"), unreachable=unsent)
    late = any(isinstance(cause, TimeoutError) for cause in causes)  # aiohttp's are too
    said = "no answer within teacher.timeout_seconds" if late else "the connection broke"
    return _Fault(Unanswered("no_response", said), paid=True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__


def _status(error: Any) -> _Fault:
    code = error.status_code
    if code >= 500 or code in (408, 409, 429):
        return _Fault(Unanswered("teacher_error", f"HTTP {code}"), wait_seconds=_told(error.response))
    return _Fault(Unanswered("teacher_error", f"HTTP {code}: {error.message[:300]}"), passes=False)


def _pause(fault: _Fault, attempt: int) -> float:
    return fault.wait_seconds if fault.wait_seconds is not None else random.uniform(0.5, 1.0) * 0.5 * 2**attempt


def _told(response: Any) -> float | None:
    """The seconds that the header Retry-After asks for."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(response.headers.get("retry-after", ""))))
    except ValueError:
        return None


def _read(reply: Any) -> _Reply:
    """Read what a server sent, whatever it is; a reply in which nothing can be found raises ValueError."""
    choices = _inside(reply, "choices")
    if not isinstance(choices, list) or not choices:
        raise ValueError("a reply without choices")
    content = _inside(_inside(choices[0], "message"), "content")
    used = _inside(reply, "usage")
    prompt, completion = _inside(used, "prompt_tokens"), _inside(used, "completion_tokens")
    known = isinstance(prompt, int) and isinstance(completion, int) and min(prompt, completion) >= 0
    return _Reply(str(content or ""), Usage(prompt, completion) if known else None)


def _inside(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _guess(request: dict[str, Any], response: str) -> Usage:
    """Servers may leave the usage out; then it is counted rather too high."""
    return Usage(estimate(request).prompt, len(json.dumps(response)) // 3)
