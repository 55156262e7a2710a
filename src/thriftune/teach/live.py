"""A live teacher behind any OpenAI-compatible server: asked in parallel, within a budget, nothing paid twice.

The user's questions come first; then those that the teacher thinks up itself, where the recipe wants them.
The key is read from the environment and goes into the request's header, nowhere else.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from thriftune.recipe import Teacher as Settings
from thriftune.records import Question, Reject
from thriftune.teach import requests
from thriftune.teach.expand import Expansion
from thriftune.teach.ledger import Ledger
from thriftune.teach.pool import Pool
from thriftune.teach.requests import Request
from thriftune.teach.teachers import Unanswered


@dataclass(frozen=True)
class _Job:
    question: Question
    request: Request
    sample: int


class LiveTeacher:
    """Asks questions of a chat model, each `settings.samples` times.

    Args:
        settings: model, address, limits.
        key: the secret; only ever in the header of requests.
        questions: the user's own.
        request: makes the request of a question.
        ledger: what was answered before, and the budget; closed when the answers end.
        expansion: finds more questions, after the user's own are answered.
    """

    def __init__(
        self,
        settings: Settings,
        key: str,
        questions: list[Question],
        request: Callable[[Question], Request],
        ledger: Ledger,
        expansion: Expansion | None = None,
    ) -> None:
        self.name = settings.model or ""
        self._settings, self._key, self._ledger = settings, key, ledger
        self._questions, self._request, self._expansion = questions, request, expansion
        self._pool = Pool(settings, key, ledger)
        self._last: _Job | None = None
        self._retold: set[tuple[str, int]] = set()
        self._open = 0

    @property
    def count(self) -> int:
        """How many questions there are, or are wanted."""
        return len(self._questions) + (self._expansion.count if self._expansion else 0)

    def figures(self) -> dict[str, Any]:
        """Return what was used and paid, for the manifest. A missing figure stands for nothing of the kind."""
        spent, (losses, lost) = self._ledger.spent, self._ledger.lost
        price = self._settings.price
        found: dict[str, Any] = {
            "prompt_tokens": spent.prompt,
            "completion_tokens": spent.completion,
            "usd": round(spent.usd(price), 6),
        }
        if losses:  # sent, but no answer came whole: it may have cost this much more
            found["lost_requests"] = {"count": losses, "tokens_at_most": lost.tokens, "usd_at_most": lost.usd(price)}
        return found | ({"expand": self._expansion.figures()} if self._expansion else {})

    def answers(self, done: Collection[str] = ()) -> Iterator[tuple[Question, str | Unanswered]]:
        """Yield each question that is not done with its response, as they come; once for each sample.

        Raises:
            TeacherError: the server refuses the key or the model, or cannot be reached; or the budget ended while new
                questions were asked for.
        """
        try:
            with self._pool:
                yield from self._answered(self._questions, done)
                if self._expansion:
                    yield from self._answered(self._expansion.questions(self._pool.together), done)
        finally:
            self._ledger.close()

    def again(self, question: Question, response: str, fault: Reject) -> bool:
        """Ask once more with the fault of the response just yielded; return whether it will come again."""
        job = self._last
        if not job or job.question != question or not self._settings.asks_again:
            return False
        if (question.id, job.sample) in self._retold:
            return False
        self._retold.add((question.id, job.sample))
        self._put(_Job(question, requests.again(job.request, response, fault), job.sample))
        return True

    def _answered(
        self, questions: list[Question], done: Collection[str]
    ) -> Iterator[tuple[Question, str | Unanswered]]:
        for question in questions:
            if question.id not in done:
                request = self._request(question)
                for sample in range(self._settings.samples):
                    self._put(_Job(question, request, sample))
        while self._open:
            self._last, response = self._pool.get()
            self._open -= 1
            yield self._last.question, response

    def _put(self, job: _Job) -> None:
        self._open += 1
        self._pool.put(job, job.request, job.sample)
