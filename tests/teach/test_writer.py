"""Answers on their way to disk: on it when told so, few flushes for many, no fault swallowed."""

import asyncio
import sqlite3

from thriftune.recipe import Price
from thriftune.teach.ledger import Answered, Ledger, Usage
from thriftune.teach.writer import Writer


def ledger(tmp_path) -> Ledger:
    return Ledger(tmp_path / "l.sqlite", Price(), None, None)


def test_an_answer_is_on_disk_when_its_asker_goes_on(tmp_path):
    seen, calls = [], []

    class Counted(Ledger):
        def settle(self, answers):
            calls.append(len(list(answers)))
            super().settle(answers)

    async def ask(writer, number):
        await writer.settle(Answered(str(number), "text", Usage(1, 1)))
        with sqlite3.connect(tmp_path / "l.sqlite") as other:
            seen.append(other.execute("select count(*) from answers where key = ?", (str(number),)).fetchone()[0])

    async def work():
        writer = Writer(Counted(tmp_path / "l.sqlite", Price(), None, None))
        await asyncio.gather(*(ask(writer, number) for number in range(200)))

    asyncio.run(work())
    assert seen == [1] * 200 and sum(calls) == 200
    assert len(calls) < 20, "answers that come together share a flush"


def test_who_is_cancelled_has_the_answer_on_disk_all_the_same(tmp_path):
    async def work():
        writer = Writer(ledger(tmp_path))
        asked = [asyncio.create_task(writer.settle(Answered(name, "text", Usage(1, 1)))) for name in "ab"]
        await asyncio.sleep(0)
        for task in asked:
            task.cancel()
        await writer.close()

    asyncio.run(work())
    assert ledger(tmp_path).spent == Usage(2, 2)


def test_a_disk_that_fails_is_told_to_all_who_wait(tmp_path):
    async def work():
        book = ledger(tmp_path)
        writer = Writer(book)
        book.close()
        return await asyncio.gather(
            *(writer.settle(Answered(name, "text", Usage(1, 1))) for name in "ab"), return_exceptions=True
        )

    assert all(isinstance(result, sqlite3.ProgrammingError) for result in asyncio.run(work()))
