"""The HTTP server: OpenAI's `/v1/models` and `/v1/chat/completions`, `/health`, `/metrics`, and `/search` if wanted."""

import asyncio
import json
import math
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from thriftune.errors import UserError
from thriftune.records import Question
from thriftune.ship import server_chat as chats
from thriftune.ship.queue import Done, Full, Job, Queue
from thriftune.ship.server_limits import Limits, admit, read_json
from thriftune.ship.server_metrics import Metrics

_MOST_HITS = 100
_PATHS = {"/v1/models", "/v1/chat/completions", "/health", "/metrics", "/search"}


def make_app(queue: Queue, limits: Limits, *, search: bool = False) -> FastAPI:
    """Return the application; `search` adds `POST /search`, which runs what the student writes."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    server, metrics = _Server(queue, limits), Metrics()

    @app.middleware("http")
    async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        started, path = time.monotonic(), request.url.path
        try:
            if path != "/health":
                admit(request, limits)
            response = await go_on(request)
        except HTTPException as error:
            response = _refusal(error)
        metrics.note(path if path in _PATHS else "other", response.status_code, time.monotonic() - started)
        return response

    @app.exception_handler(404)
    @app.exception_handler(405)
    @app.exception_handler(HTTPException)
    async def _refused(request: Request, error: Any) -> Response:
        return _refusal(error)

    @app.get("/health")
    async def _health() -> Response:
        state = {"status": "ok" if queue.alive else "dead", "model": queue.recipe.name, "waiting": queue.waiting}
        return JSONResponse(state, 200 if queue.alive else 503)

    @app.get("/metrics")
    async def _metrics() -> Response:
        return PlainTextResponse(metrics.text(queue), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def _models() -> dict[str, Any]:
        names = [f"{name}{more}" for name in server.models() for more in ("", ":explain")]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "thriftune"} for name in names]
        return {"object": "list", "data": data}

    @app.post("/v1/chat/completions")
    async def _chat(request: Request) -> Response:
        return await server.chat(await read_json(request, limits))

    if search:

        @app.post("/search")
        async def _search(request: Request) -> dict[str, Any]:
            return await server.search(await read_json(request, limits))

    return app


def _refusal(error: Any) -> Response:
    """Return an error in OpenAI's form."""
    kind = "invalid_request_error" if error.status_code < 500 else "server_error"
    if error.status_code == 429:
        kind = "rate_limit_error"
    told = {"message": str(error.detail), "type": kind, "param": None, "code": None}
    return JSONResponse({"error": told}, error.status_code, getattr(error, "headers", None))


class _Server:
    def __init__(self, queue: Queue, limits: Limits) -> None:
        self._queue, self._limits = queue, limits

    def models(self) -> list[str]:
        """Return the names of the models: one for each collection, and the bare one where there is only one."""
        name, collections = self._queue.recipe.name, self._queue.collections
        return [*([name] if len(collections) <= 1 else []), *(f"{name}/{each}" for each in collections)]

    async def chat(self, value: Any) -> Response:
        """Answer a request for a chat completion."""
        chat = chats.read(value)
        if chat.model.removesuffix(":explain") not in self.models():
            raise HTTPException(404, f"there is no model {chat.model!r}; GET /v1/models lists them")
        job = self._job(chat)
        jobs = [job, _reason_of(job)] if chat.explains else [job]
        identity, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
        if chat.stream:
            pieces: asyncio.Queue[str] = asyncio.Queue()
            loop = asyncio.get_running_loop()
            if not chat.explains:  # the reason stands before the answer, so both wait for their end
                job.told = lambda piece: _call(loop, pieces, piece)
            waiting = self._put(jobs)
            events = self._events(identity, created, chat, jobs, waiting, pieces)
            return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        answer, reason = await self._results(jobs, self._put(jobs))
        return JSONResponse(chats.completion(identity, created, chat, answer, reason))

    async def search(self, value: Any) -> dict[str, Any]:
        """Translate a question, run the answer under the task's limits, and return both."""
        if not isinstance(value, dict) or not isinstance(value.get("question"), str) or not value["question"].strip():
            raise HTTPException(400, 'a search is {"question": …, "collection": …, "size": …}')
        size, collection = value.get("size", 10), value.get("collection", "")
        if type(size) is not int or not 0 <= size <= _MOST_HITS:
            raise HTTPException(400, f"size: a whole number from 0 to {_MOST_HITS}")
        job = Job(self._question(value["question"], str(collection)), self._most(), rows=size)
        answer, _ = await self._results([job], self._put([job]))
        return {"query": answer.text, **(answer.found or {})}

    def _job(self, chat: chats.Chat) -> Job:
        question, most = self._question(chat.asked, chat.collection), chat.most_tokens(self._most())
        return Job(question, most, schema=chat.schema_text, as_json=chat.response_format.type == "json_object")

    def _most(self) -> int:
        return self._queue.recipe.evaluate.max_new_tokens

    def _question(self, text: str, collection: str) -> Question:
        known = self._queue.collections
        if collection not in known and (collection or len(known) > 1):
            raise HTTPException(400, f"collection: one of {', '.join(known)}")
        return Question(id="asked", collection=collection or next(iter(known), ""), text=text, meaning="asked")

    def _put(self, jobs: list[Job]) -> list["asyncio.Future[Done]"]:
        try:
            for job in jobs:
                self._queue.put(job)
        except Full:
            for job in jobs:
                job.future.cancel()
            seconds = max(1, math.ceil(self._queue.seconds_to_wait))
            raise HTTPException(429, "too many questions wait", {"Retry-After": str(seconds)}) from None
        return [asyncio.wrap_future(job.future) for job in jobs]

    async def _results(self, jobs: list[Job], waiting: list["asyncio.Future[Done]"]) -> tuple[Done, Done | None]:
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                results = await asyncio.gather(*waiting)
        except TimeoutError:
            raise HTTPException(504, f"no answer within {self._limits.answer_seconds:g} seconds") from None
        except UserError as error:
            raise HTTPException(400, str(error)) from error
        finally:
            for job in jobs:
                job.future.cancel()  # of those that still wait, nobody wants the answer
        return results[0], results[1] if len(results) > 1 else None

    async def _events(
        self,
        identity: str,
        created: int,
        chat: chats.Chat,
        jobs: list[Job],
        waiting: list["asyncio.Future[Done]"],
        pieces: "asyncio.Queue[str]",
    ) -> AsyncIterator[str]:
        """Yield server-sent events: pieces as they are written, the end, the usage if it is wanted."""

        def event(data: dict[str, Any]) -> str:
            return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"

        yield event(chats.chunk(identity, created, chat, {"role": "assistant", "content": ""}))
        work = asyncio.ensure_future(self._results(jobs, waiting))
        try:
            async for piece in _until(work, pieces):
                yield event(chats.chunk(identity, created, chat, {"content": piece}))
            answer, reason = await work
        except HTTPException as error:  # the status is sent already
            yield event({"error": {"message": str(error.detail), "type": "server_error", "code": error.status_code}})
            return
        finally:
            work.cancel()
        if chat.explains:
            yield event(chats.chunk(identity, created, chat, {"content": chats.content(chat, answer, reason)}))
        yield event(chats.chunk(identity, created, chat, {}, chats.finish(answer, reason)))
        if (chat.stream_options or {}).get("include_usage"):
            end = chats.chunk(identity, created, chat, {}) | {"choices": [], "usage": chats.usage(answer, reason)}
            yield event(end)
        yield "data: [DONE]\n\n"


def _reason_of(job: Job) -> Job:
    """Return a job for the reason of the same question."""
    return Job(job.question, job.most_tokens, rationale=True)


def _call(loop: asyncio.AbstractEventLoop, pieces: "asyncio.Queue[str]", piece: str) -> None:
    loop.call_soon_threadsafe(pieces.put_nowait, piece)


async def _until(work: "asyncio.Future[Any]", pieces: "asyncio.Queue[str]") -> AsyncIterator[str]:
    """Yield pieces until the work is done and none is left."""
    while not (work.done() and pieces.empty()):
        more = asyncio.ensure_future(pieces.get())
        try:
            await asyncio.wait({work, more}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not more.done():
                more.cancel()
        if more.done() and not more.cancelled():
            yield more.result()
