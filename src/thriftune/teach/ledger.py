"""What was asked, answered and paid: one SQLite file, keyed by the whole request, that survives a kill at any moment.

A response is on disk before it is used, so a second start asks nothing twice. The budget counts what is in flight at
its worst: the whole prompt and the longest answer that may come.
"""

import json
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thriftune.recipe import Price
from thriftune.runs import content_id

_CHARACTERS_A_TOKEN = 3  # fewer than English has: an estimate that is rather too high


@dataclass(frozen=True)
class Usage:
    """Tokens of requests: read by the teacher, and written by it."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.prompt + other.prompt, self.completion + other.completion)

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.prompt + self.completion

    def usd(self, price: Price) -> float:
        """Return the cost in US dollars at prices per million tokens."""
        return (self.prompt * price.input_per_million + self.completion * price.output_per_million) / 1e6


def estimate(request: dict[str, Any]) -> Usage:
    """Return the most that a request is expected to use, before it is sent."""
    characters = sum(len(message["content"]) for message in request["messages"])
    return Usage(characters // _CHARACTERS_A_TOKEN + 16 * len(request["messages"]), request["max_tokens"])


class Ledger:
    """Responses and usage by request. Safe to use from several threads."""

    def __init__(self, path: Path, price: Price, budget_usd: float | None, budget_tokens: int | None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("pragma journal_mode = wal")
        self._database.execute("pragma synchronous = full")  # a paid answer is worth a flush
        columns = "key text primary key, response text, prompt integer, completion integer"
        self._database.execute(f"create table if not exists answers ({columns})")
        self._price, self._usd, self._tokens = price, budget_usd, budget_tokens
        self._lock = threading.Lock()
        self._held: dict[str, Usage] = {}
        row = self._database.execute("select coalesce(sum(prompt), 0), coalesce(sum(completion), 0) from answers")
        self._spent = Usage(*row.fetchone())

    @property
    def spent(self) -> Usage:
        """What all answered requests used, also those of earlier starts."""
        return self._spent

    @property
    def usd(self) -> float:
        """What they cost."""
        return self._spent.usd(self._price)

    def known(self, request: dict[str, Any]) -> str | None:
        """Return the response to a request that was answered before."""
        with self._lock:
            row = self._database.execute("select response from answers where key = ?", (_key(request),)).fetchone()
        return row[0] if row else None

    def reserve(self, request: dict[str, Any]) -> bool:
        """Set aside what a request may use; False where the budget does not allow it beside all that is in flight."""
        with self._lock:
            asked = sum(self._held.values(), self._spent) + estimate(request)
            if self._tokens is not None and asked.tokens > self._tokens:
                return False
            if self._usd is not None and asked.usd(self._price) > self._usd:
                return False
            self._held[_key(request)] = estimate(request)
            return True

    def settle(self, request: dict[str, Any], response: str, used: Usage) -> None:
        """Write a response and what it used to disk, and give back what was set aside."""
        with self._lock, self._database:
            self._database.execute(
                "insert or replace into answers values (?, ?, ?, ?)",
                (_key(request), _storable(response), used.prompt, used.completion),
            )
            self._spent += used
            self._held.pop(_key(request), None)

    def release(self, request: dict[str, Any]) -> None:
        """Give back what was set aside for a request that failed."""
        with self._lock:
            self._held.pop(_key(request), None)

    def close(self) -> None:
        """Close the file."""
        self._database.close()


def _key(request: dict[str, Any]) -> str:
    return content_id(json.dumps(request, sort_keys=True))


def _storable(text: str) -> str:
    """Half of a surrogate pair cannot be stored; the parser refuses such an answer anyway."""
    return text.encode("utf-8", "replace").decode("utf-8")
