"""What was asked, answered and paid: one SQLite file, keyed by the whole request, that survives a kill at any moment.

A response is on disk before it is used, so a second start asks nothing twice. The budget counts what is in flight at
its worst: the whole prompt and the longest answer that may come. What is in flight is on disk too: a request whose
answer was lost (a kill, a time-out, half a body) may have been paid, and goes on counting as if it was.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from thriftune.files import content_id
from thriftune.recipe import Price

_CHARACTERS_A_TOKEN = 3  # fewer than English has: an estimate that is rather too high
_TABLES = """
create table if not exists answers (key text primary key, response text, prompt integer, completion integer);
create table if not exists in_flight (key text primary key, prompt integer, completion integer);
create table if not exists lost (key text, prompt integer, completion integer);
begin;
insert into lost select * from in_flight;
delete from in_flight;
commit;
"""


@dataclass(frozen=True)
class Usage:
    """Tokens of requests: read by the teacher, and written by it."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.prompt + other.prompt, self.completion + other.completion)

    def __mul__(self, times: int) -> "Usage":
        return Usage(self.prompt * times, self.completion * times)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.prompt + self.completion

    def usd(self, price: Price) -> float:
        """Return the cost in US dollars at prices per million tokens."""
        return (self.prompt * price.input_per_million + self.completion * price.output_per_million) / 1e6


class Answered(NamedTuple):
    """A response to a request, by its key, and what it used."""

    key: str
    response: str
    used: Usage


def estimate(request: dict[str, Any]) -> Usage:
    """Return the most that a request is expected to use, before it is sent."""
    texts = [message["content"] for message in request["messages"]]
    characters = sum(map(len, texts))
    beyond = sum(len(text.encode("utf-8", "replace")) for text in texts) - characters  # other scripts take more tokens
    return Usage(characters // _CHARACTERS_A_TOKEN + beyond + 16 * len(texts), request["max_tokens"])


def key_of(request: dict[str, Any], sample: int = 0) -> str:
    """Return the key of a request; of several answers to the same one, each sample has its own."""
    text = json.dumps(request, sort_keys=True)
    return content_id(text, sample) if sample else content_id(text)


class Ledger:
    """Responses and usage by request. Safe to use from several threads of one process."""

    def __init__(self, path: Path, price: Price, budget_usd: float | None, budget_tokens: int | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._answers = _connection(path, "full")  # a paid answer is worth a flush
        self._answers.executescript(_TABLES)
        self._flight = _connection(path, "normal")  # outlives the process, if not a power cut
        self._price, self._usd, self._tokens = price, budget_usd, budget_tokens
        self._lock = threading.Lock()
        self._held: dict[str, Usage] = {}
        self._spent, self._answered = self._sum("answers")
        self._lost, self._losses = self._sum("lost")
        self._keys = {key for (key,) in self._answers.execute("select key from answers")}

    @property
    def spent(self) -> Usage:
        """What all answered requests used, also those of earlier starts."""
        return self._spent

    @property
    def usd(self) -> float:
        """What they cost."""
        return self._spent.usd(self._price)

    @property
    def lost(self) -> tuple[int, Usage]:
        """How many requests were sent whose answer never came whole, and what they used at most."""
        return self._losses, self._lost

    def known(self, key: str) -> str | None:
        """Return the response to a request that was answered before. One that was not costs no wait for the disk."""
        if key not in self._keys:
            return None
        with self._lock:
            row = self._answers.execute("select response from answers where key = ?", (key,)).fetchone()
        return row[0] if row else None

    def reserve(self, key: str, request: dict[str, Any]) -> bool:
        """Set aside what a request may use; False where the budget does not allow it beside all that is in flight."""
        with self._lock:
            most = estimate(request)
            asked = sum(self._held.values(), self._spent + self._lost) + most
            if self._tokens is not None and asked.tokens > self._tokens:
                return False
            if self._usd is not None and asked.usd(self._price) > self._usd:
                return False
            with self._flight as database:
                database.execute("insert or replace into in_flight values (?, ?, ?)", (key, *_pair(most)))
            self._held[key] = most
            return True

    def settle(self, answers: Iterable[Answered]) -> None:
        """Write responses and what they used to disk in one flush, and give back what was set aside for them."""
        answers = list(answers)
        rows = [(answer.key, _storable(answer.response), *_pair(answer.used)) for answer in answers]
        with self._lock:
            with self._answers as database:
                database.executemany("insert or replace into answers values (?, ?, ?, ?)", rows)
                database.executemany("delete from in_flight where key = ?", [(answer.key,) for answer in answers])
            for answer in answers:
                self._keys.add(answer.key)
                self._spent += answer.used
                self._answered += 1
                self._held.pop(answer.key, None)

    def release(self, key: str) -> None:
        """Give back what was set aside for a request that was refused, and so not paid."""
        with self._lock:
            with self._flight as database:
                database.execute("delete from in_flight where key = ?", (key,))
            self._held.pop(key, None)

    def lose(self, key: str) -> None:
        """Count a request as paid at its most: it was sent, and its answer never came whole."""
        with self._lock:
            most = self._held.pop(key)
            with self._flight as database:
                database.execute("insert into lost values (?, ?, ?)", (key, *_pair(most)))
                database.execute("delete from in_flight where key = ?", (key,))
            self._lost += most
            self._losses += 1

    def close(self) -> None:
        """Close the file; one in which nothing was ever written is removed."""
        with self._lock:
            self._flight.close()
            self._answers.close()
            if not (self._answered or self._losses or self._held):
                self._path.unlink(missing_ok=True)

    def _sum(self, table: str) -> tuple[Usage, int]:
        row = self._answers.execute(
            f"select coalesce(sum(prompt), 0), coalesce(sum(completion), 0), count(*) from {table}"
        ).fetchone()
        return Usage(row[0], row[1]), row[2]


def _connection(path: Path, synchronous: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, check_same_thread=False, timeout=60)
    database.execute("pragma journal_mode = wal")
    database.execute(f"pragma synchronous = {synchronous}")
    return database


def _pair(usage: Usage) -> tuple[int, int]:
    return usage.prompt, usage.completion


def _storable(text: str) -> str:
    """Half of a surrogate pair cannot be stored; the parser refuses such an answer anyway."""
    return text.encode("utf-8", "replace").decode("utf-8")
