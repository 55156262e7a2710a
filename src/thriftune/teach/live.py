"""A live teacher behind any OpenAI-compatible server: asked in parallel, within a budget, nothing paid twice.

The requests run in a thread of their own; answers are handed over as they come and verified by the caller meanwhile.
The key is read from the environment and goes into the request's header, nowhere else.
"""

import asyncio
import json
import queue
import random
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from thriftune.errors import MissingPackage, TeacherError
from thriftune.prompts import Prompt
from thriftune.recipe import Teacher as Settings
from thriftune.records import Question, Reject
from thriftune.teach.ledger import Ledger, Usage, estimate
from thriftune.teach.teachers import OVER_BUDGET, Unanswered

RULES = """
First reason in two or three sentences: name the fields, the operators, the values and why.
Then give the answer alone. Write exactly:
<rationale>your reasoning</rationale>
<answer>the answer</answer>"""
MENDED = "That answer cannot be used ({reason}: {detail}). Answer the question again, whole, in the same form."
_LONGEST_WAIT = 60.0


@dataclass(frozen=True)
class _Job:
    question: Question
    request: dict[str, Any]


class LiveTeacher:
    """Asks questions of a chat model.

    Args:
        settings: model, address, limits.
        key: the secret; only ever in the header of requests.
        questions: with the prompt of each.
        examples: by collection, (question, response) pairs shown before each question.
        ledger: what was answered before, and the budget.
    """

    def __init__(
        self,
        settings: Settings,
        key: str,
        questions: list[tuple[Question, Prompt]],
        examples: dict[str, list[tuple[str, str]]],
        ledger: Ledger,
    ) -> None:
        self.name = settings.model or ""
        self._settings, self._key, self._ledger = settings, key, ledger
        self._questions, self._examples = questions, examples
        self._out: queue.Queue[tuple[Question, str | Unanswered] | BaseException] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._asked: dict[str, _Job] = {}
        self._retold: set[str] = set()
        self._open = 0

    @property
    def count(self) -> int:
        """How many questions there are."""
        return len(self._questions)

    def figures(self) -> dict[str, Any]:
        """Return what was used and paid, for the manifest."""
        spent = self._ledger.spent
        return {"prompt_tokens": spent.prompt, "completion_tokens": spent.completion, "usd": round(self._ledger.usd, 6)}

    def bill(self) -> Usage:
        """Return the most that asking everything once is expected to use."""
        return sum((estimate(self._request(*asked)) for asked in self._questions), Usage())

    def answers(self, done: Collection[str] = ()) -> Iterator[tuple[Question, str | Unanswered]]:
        """Yield each question that is not done with its response, as they come.

        Raises:
            TeacherError: the server refuses the key or the model, or cannot be reached.
        """
        todo = [(question, prompt) for question, prompt in self._questions if question.id not in done]
        self._open = len(todo)
        for question, prompt in todo:
            self._jobs.put_nowait(_Job(question, self._request(question, prompt)))
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            while self._open:
                item = self._out.get()
                if isinstance(item, BaseException):
                    raise item
                yield item
                self._open -= 1  # after the caller had its chance to have it asked again
        finally:
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join(timeout=5)

    def again(self, question: Question, response: str, fault: Reject) -> bool:
        """Ask once more with the fault; return whether it will come again."""
        if not self._settings.asks_again or question.id in self._retold:
            return False
        self._retold.add(question.id)
        before = self._asked[question.id].request
        told = MENDED.format(reason=fault.reason, detail=fault.detail[:500])
        turns = [{"role": "assistant", "content": response[:4000]}, {"role": "user", "content": told}]
        job = _Job(question, before | {"messages": [*before["messages"], *turns]})
        self._open += 1
        self._loop.call_soon_threadsafe(self._jobs.put_nowait, job)
        return True

    def _request(self, question: Question, prompt: Prompt) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.instructions + RULES}]
        for asked, response in self._examples.get(question.collection, []):
            messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": response}]
        messages.append({"role": "user", "content": prompt.question})
        settings = self._settings
        return {
            "model": settings.model,
            "messages": messages,
            "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
        }

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._work())
        except BaseException as error:  # whatever it is, the caller's thread has to see it
            self._out.put(error)

    async def _work(self) -> None:
        client = _client(self._settings, self._key)
        workers = [asyncio.create_task(self._worker(client)) for _ in range(self._settings.concurrency)]
        ended = asyncio.create_task(self._ended.wait())
        try:
            done, _ = await asyncio.wait([*workers, ended], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what stopped a worker
        finally:
            for task in (*workers, ended):
                task.cancel()
            await asyncio.gather(*workers, ended, return_exceptions=True)
            await client.close()

    async def _worker(self, client: Any) -> None:
        while job := await self._jobs.get():
            self._asked[job.question.id] = job
            known = self._ledger.known(job.request)
            self._out.put((job.question, known if known is not None else await self._ask(client, job.request)))

    async def _ask(self, client: Any, request: dict[str, Any]) -> str | Unanswered:
        if not self._ledger.reserve(request):
            return Unanswered(OVER_BUDGET, "the budget does not allow this request; raise it and start again")
        try:
            reply = await _patiently(client, request, self._settings)
        except BaseException:
            self._ledger.release(request)
            raise
        if isinstance(reply, Unanswered):
            self._ledger.release(request)
            return reply
        response, used = reply
        self._ledger.settle(request, response, used or _guess(request, response))
        return response


async def _patiently(client: Any, request: dict[str, Any], settings: Settings) -> tuple[str, Usage | None] | Unanswered:
    """Send a request, again after faults that may pass. What the server says of the wait is honoured.

    Raises:
        TeacherError: a fault that no waiting mends.
    """
    import httpx2  # what the client of openai speaks with
    import openai

    retries, patience = settings.retries, settings.timeout_seconds
    for attempt in range(retries + 1):
        try:
            async with asyncio.timeout(patience):  # the client's own bounds the pauses, not the whole
                return _read(await client.chat.completions.create(**request))
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise TeacherError(f"the teacher refuses the key (HTTP {error.status_code})") from error
        except openai.NotFoundError as error:
            raise TeacherError(f"the teacher does not know the model {request['model']!r}: {error.message}") from error
        except openai.APIStatusError as error:
            fault, wait = Unanswered("teacher_error", f"HTTP {error.status_code}"), _told(error.response)
            if error.status_code < 500 and error.status_code not in (408, 409, 429):
                return Unanswered("teacher_error", f"HTTP {error.status_code}: {error.message[:300]}")
        except (openai.APITimeoutError, TimeoutError):
            fault, wait = Unanswered("no_response", "no answer within teacher.timeout_seconds"), None
        except openai.APIConnectionError as error:
            if attempt == retries and isinstance(error.__cause__, httpx2.ConnectError):
                raise TeacherError(f"cannot reach the teacher at {client.base_url}: {error.__cause__}") from error
            fault, wait = Unanswered("no_response", "the connection broke"), None
        except (openai.OpenAIError, ValueError) as error:  # half a body, another encoding, no JSON
            fault, wait = Unanswered("teacher_error", f"an answer that cannot be read: {type(error).__name__}"), None
        if attempt < retries:
            await asyncio.sleep(wait if wait is not None else random.uniform(0.5, 1.0) * 0.5 * 2**attempt)
    return fault


def _told(response: Any) -> float | None:
    """The seconds that the header Retry-After asks for."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(response.headers.get("retry-after", ""))))
    except ValueError:
        return None


def _read(reply: Any) -> tuple[str, Usage | None]:
    choices = getattr(reply, "choices", None)
    if not choices:
        raise ValueError("a reply without choices")
    content = getattr(getattr(choices[0], "message", None), "content", None)
    used = getattr(reply, "usage", None)
    counts = [getattr(used, name, None) for name in ("prompt_tokens", "completion_tokens")]
    known = all(isinstance(count, int) and count >= 0 for count in counts)
    return str(content or ""), Usage(counts[0] or 0, counts[1] or 0) if known else None


def _guess(request: dict[str, Any], response: str) -> Usage:
    """Servers may leave the usage out; then it is counted rather too high."""
    return Usage(estimate(request).prompt, len(json.dumps(response)) // 3)


def _client(settings: Settings, key: str) -> Any:
    try:
        from openai import AsyncOpenAI
    except ImportError as error:
        raise MissingPackage("openai", "it asks live teachers") from error
    return AsyncOpenAI(api_key=key, base_url=settings.base_url, timeout=settings.timeout_seconds, max_retries=0)
