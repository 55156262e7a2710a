"""Paid answers on their way to disk: those that come while the disk flushes share the next flush.

A flush takes milliseconds, and answers of requests that went together come together; one flush for each would make the
last wait for all the others.
"""

import asyncio

from thriftune.teach.ledger import Answered, Ledger


class Writer:
    """Writes answers to a ledger. Belongs to the event loop that it is used in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._waiting: list[tuple[Answered, asyncio.Future[None]]] = []
        self._work: asyncio.Task[None] | None = None

    async def settle(self, answered: Answered) -> None:
        """Return when the answer is on disk."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((answered, done))
        if self._work is None:
            self._work = asyncio.create_task(self._write())
        await done

    async def close(self) -> None:
        """Wait for what is on its way."""
        if self._work:
            await self._work

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._ledger.settle, [answered for answered, _ in batch])
            except Exception as error:
                _tell(batch, error)
            else:
                _tell(batch)
        self._work = None


def _tell(batch: list[tuple[Answered, "asyncio.Future[None]"]], error: Exception | None = None) -> None:
    for _, done in batch:
        if done.done():  # whoever waited was cancelled
            continue
        if error:
            done.set_exception(error)
        else:
            done.set_result(None)
