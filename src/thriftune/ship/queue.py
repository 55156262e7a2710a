"""Answers for many who ask at once: a bounded queue, and one thread that answers what waits, in batches.

The thread also loads the student and the task: databases belong to the thread that opened them.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict, dataclass, field
from typing import Any

from thriftune.errors import UserError
from thriftune.evaluate.generate import Generated, generate
from thriftune.prompts import LABEL_MARKER, RATIONALE_MARKER, Prompt
from thriftune.records import Question
from thriftune.ship.predict import Predictor
from thriftune.tasks.base import Grammar, Runnable

_GATHER_SECONDS = 0.01  # who comes within this time of the first shares its batch


class Full(Exception):
    """As many wait as may."""


@dataclass(frozen=True)
class Done:
    """What came of a job: the text, its tokens and those of the prompt, and what running it found if that was asked."""

    text: str
    tokens: int
    prompt_tokens: int
    cut_off: bool
    found: dict[str, Any] | None = None


@dataclass(eq=False)
class Job:
    """A question that waits.

    Attributes:
        most_tokens: what may be written at most.
        rationale: write the reason instead of the answer.
        schema: a JSON Schema that the answer has to obey instead of the task's grammar.
        as_json: the answer has to be a JSON object, also where the task has no grammar.
        rows: run the answer and return up to so many hits.
        told: called in the queue's thread with each new piece of text, if anybody listens.
        future: of a `Done`; cancel it when nobody waits any more.
    """

    question: Question
    most_tokens: int
    rationale: bool = False
    schema: str | None = None
    as_json: bool = False
    rows: int | None = None
    told: Callable[[str], None] | None = None
    future: "Future[Done]" = field(default_factory=Future)


class Queue:
    """Answers jobs in the order in which they came, as many at once as the recipe's `evaluate.batch`."""

    def __init__(self, load: Callable[[], Predictor], waiting: int) -> None:
        """Start the thread and wait until it has loaded the student.

        Args:
            waiting: how many jobs may wait.

        Raises:
            UserError: what `load` raises.
        """
        self._jobs: queue.Queue[Job | None] = queue.Queue(waiting)
        self._ready: Future[Predictor] = Future()
        self.batches = self.answered = self.tokens = 0
        self._busy_seconds = 0.0
        self._thread = threading.Thread(target=self._work, args=(load,), name="answers", daemon=True)
        self._thread.start()
        predictor = self._ready.result()
        self.recipe, self.collections = predictor.recipe, predictor.collections

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return self._jobs.qsize()

    @property
    def seconds_to_wait(self) -> float:
        """About how long what waits now will take, by the batches so far."""
        batches = -(-self.waiting // self.recipe.evaluate.batch)
        return batches * (self._busy_seconds / self.batches if self.batches else 1.0)

    @property
    def alive(self) -> bool:
        """Whether jobs are still answered."""
        return self._thread.is_alive()

    def put(self, job: Job) -> None:
        """Let a job wait.

        Raises:
            Full: too many wait already.
        """
        try:
            self._jobs.put_nowait(job)
        except queue.Full as error:
            raise Full from error

    def close(self) -> None:
        """Answer what waits, then stop."""
        if self.alive:
            self._jobs.put(None)
            self._thread.join()

    def _work(self, load: Callable[[], Predictor]) -> None:
        try:
            predictor = load()
        except BaseException as error:
            self._ready.set_exception(error)
            return
        with predictor:
            self._ready.set_result(predictor)
            going = True
            while going:
                jobs, going = self._next(predictor.recipe.evaluate.batch)
                for group in _alike(jobs):
                    self._answer(predictor, group)

    def _next(self, most: int) -> tuple[list[Job], bool]:
        """Return the jobs to answer now, and whether there will be more."""
        jobs: list[Job] = []
        while len(jobs) < most:
            try:
                job = self._jobs.get(timeout=_GATHER_SECONDS if jobs else None)
            except queue.Empty:
                break
            if job is None:
                return jobs, False
            if job.future.set_running_or_notify_cancel():
                jobs.append(job)
        return jobs, True

    def _answer(self, predictor: Predictor, jobs: list[Job]) -> None:
        started = time.monotonic()
        try:
            results = _answered(predictor, jobs)
        except UserError as error:
            if len(jobs) == 1:
                jobs[0].future.set_exception(error)
            else:  # one job spoiled the batch, with its schema or its collection
                for job in jobs:
                    self._answer(predictor, [job])
        except Exception as error:
            for job in jobs:
                job.future.set_exception(error)
        else:
            self.batches, self.answered = self.batches + 1, self.answered + len(jobs)
            self._busy_seconds += time.monotonic() - started
            self.tokens += sum(result.tokens for result in results)
            for job, result in zip(jobs, results, strict=True):
                job.future.set_result(result)


def _alike(jobs: list[Job]) -> list[list[Job]]:
    groups: dict[tuple[bool, int], list[Job]] = {}
    for job in jobs:
        groups.setdefault((job.rationale, job.most_tokens), []).append(job)
    return list(groups.values())


def _answered(predictor: Predictor, jobs: list[Job]) -> list[Done]:
    prompts = [_prompt(predictor, job) for job in jobs]
    student, pieces = predictor.student, [_Pieces(predictor, job) for job in jobs]
    written = generate(
        student,
        prompts,
        marker=RATIONALE_MARKER if jobs[0].rationale else LABEL_MARKER,
        batch=len(jobs),
        max_new_tokens=jobs[0].most_tokens,
        grammars=[_grammar(predictor, job) for job in jobs],
        on_tokens=lambda index, tokens: pieces[index].more(tokens),
    )
    lengths = [student.prompt_length(prompt) for prompt in prompts]
    for piece, answer in zip(pieces, written, strict=True):
        piece.end(answer.text)
    return [_done(predictor, *three) for three in zip(jobs, written, lengths, strict=True)]


def _grammar(predictor: Predictor, job: Job) -> Grammar | None:
    if job.schema is not None:
        return Grammar("json_schema", job.schema, strict=True)
    if job.rationale:
        return None
    own = predictor.task.grammar(job.question) if predictor.recipe.evaluate.constrained else None
    return own or (Grammar("json_schema", '{"type": "object"}') if job.as_json else None)


def _prompt(predictor: Predictor, job: Job) -> Prompt:
    """Return the prompt. A question that comes with what the task's prompt adds to it is not added to again.

    So it comes from another run, whose teacher this student is.
    """
    asked = job.question
    bare = asked.model_copy(update={"text": asked.text.partition("\n")[0]})
    prompt = predictor.task.prompt(bare)
    return prompt if prompt.question == asked.text else predictor.task.prompt(asked)


def _done(predictor: Predictor, job: Job, written: Generated, prompt_tokens: int) -> Done:
    found = None
    if job.rows is not None and isinstance(predictor.task, Runnable):
        found = asdict(predictor.task.run(job.question, written.text, job.rows))
    return Done(written.text, written.tokens, prompt_tokens, written.tokens >= job.most_tokens, found)


class _Pieces:
    """Turns tokens into pieces of text; half a character waits for its other half."""

    def __init__(self, predictor: Predictor, job: Job) -> None:
        self._tokenizer, self._told, self._sent = predictor.student.tokenizer, job.told, 0

    def more(self, tokens: list[int]) -> None:
        """Hand on what the tokens add, but for spaces at the end, which a whole answer has not."""
        if self._told is None:
            return
        text = self._tokenizer.decode(tokens, skip_special_tokens=True).lstrip()
        if not text.endswith("\ufffd"):
            self.end(text.rstrip())

    def end(self, text: str) -> None:
        """Hand on the rest of the text."""
        if self._told and len(text) > self._sent:
            self._told(text[self._sent :])
            self._sent = len(text)
