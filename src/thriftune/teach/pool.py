"""Many requests in flight at once, in a thread of their own; the caller gets each response as it comes."""

import asyncio
import queue
import threading
from collections import defaultdict
from typing import Any

from thriftune.recipe import Teacher as Settings
from thriftune.teach.client import Client
from thriftune.teach.ledger import Ledger, key_of
from thriftune.teach.teachers import Unanswered

Request = dict[str, Any]


class Pool:
    """At most `settings.concurrency` requests in flight. Use it as a context."""

    def __init__(self, settings: Settings, key: str, ledger: Ledger) -> None:
        self._settings, self._key, self._ledger = settings, key, ledger
        self._out: queue.Queue[tuple[Any, str | Unanswered] | BaseException] = queue.Queue()
        self._loop = asyncio.new_event_loop()
        self._jobs: asyncio.Queue[tuple[Any, Request, int]] = asyncio.Queue()
        self._ended = asyncio.Event()
        self._same: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Pool":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._loop.close()

    def put(self, tag: Any, request: Request, sample: int = 0) -> None:
        """Have a request asked; `tag` comes back with its response."""
        self._loop.call_soon_threadsafe(self._jobs.put_nowait, (tag, request, sample))

    def get(self) -> tuple[Any, str | Unanswered]:
        """Wait for the next response, of whichever request.

        Raises:
            TeacherError: the server refuses the key or the model, or cannot be reached.
        """
        item = self._out.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def together(self, requests: list[Request]) -> list[str | Unanswered]:
        """Return the responses to all requests, in their order. Nothing else may be in flight."""
        for index, request in enumerate(requests):
            self.put(index, request)
        found = dict(self.get() for _ in requests)
        return [found[index] for index in range(len(requests))]

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._work())
        except BaseException as error:  # whatever it is, the caller's thread has to see it
            self._out.put(error)

    async def _work(self) -> None:
        client = Client(self._settings, self._key, self._ledger)
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

    async def _worker(self, client: Client) -> None:
        while True:
            tag, request, sample = await self._jobs.get()
            async with self._same[key_of(request, sample)]:  # the same request twice is asked once
                self._out.put((tag, await client.ask(request, sample)))
