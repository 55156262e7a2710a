"""Make the teacher that a recipe names."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field

from thriftune.errors import InputError, TeacherError
from thriftune.files import content_id, file_id, read_lines, validated
from thriftune.recipe import Teacher as Settings
from thriftune.records import Question, Record, dump_section
from thriftune.tasks.base import Task, outlines_of
from thriftune.teach import requests
from thriftune.teach.expand import ASKED, Expansion
from thriftune.teach.ledger import Ledger, Usage, estimate
from thriftune.teach.live import LiveTeacher
from thriftune.teach.requests import Request
from thriftune.teach.teachers import RecordedTeacher, Teacher, Wording, files_of, path_of, recorded

LEDGER = "teacher.sqlite"
_KEYS = ("kind", "limit", "model", "base_url", "examples", "temperature", "max_tokens", "asks_again")


class Asked(Record):
    """One line of a file of questions: all wordings of one meaning."""

    id: str
    collection: str
    questions: Annotated[tuple[Wording, ...], Field(min_length=1)]


def identity(settings: Settings) -> str:
    """Return a content id of everything that changes the answers; limits of speed and money do not."""
    files = [file for item in (*settings.lessons, *settings.questions) for file in files_of(item)]
    chosen = {key: getattr(settings, key) for key in _KEYS}
    if settings.samples > 1:
        chosen["samples"] = settings.samples
    if settings.expand.count:
        chosen["expand"] = dump_section(settings.expand)
    return content_id(chosen, file_id(*files))


def make(settings: Settings, task: Task, folder: Path, collections: Sequence[str] = ()) -> Teacher:
    """Return the teacher; a live one keeps its ledger, and the questions it thought up, in `folder`.

    `collections` are the names of the task's: lessons in a table may leave out the only one.

    Raises:
        InputError: a file of questions or lessons is missing or wrong, or the task cannot be expanded.
        TeacherError: a live teacher's key is not in the environment.
    """
    if settings.kind == "recorded":
        return RecordedTeacher(settings.lessons, settings.limit, collections)
    key = _key(settings)
    own = _questions(settings)
    expansion = _expansion(settings, task, own, folder)
    ledger = Ledger(folder / LEDGER, settings.price, settings.budget_usd, settings.budget_tokens)
    return LiveTeacher(settings, key, own, _requests(settings, task, collections), ledger, expansion)


def bill(settings: Settings, task: Task, folder: Path, collections: Sequence[str] = ()) -> dict[str, Any]:
    """Return what asking everything is expected to use at most: tokens and US dollars. Nothing is sent or written."""
    own, request = _questions(settings), _requests(settings, task, collections)
    expansion = _expansion(settings, task, own, folder)
    answers = sum((estimate(request(question)) for question in own), Usage())
    asked = Usage()
    if expansion:
        asked = expansion.bill()
        answers += max((estimate(request(question)) for question in expansion.longest()), key=_tokens) * expansion.count
    answers *= settings.samples
    total = asked + answers
    return {
        "questions": len(own) + (expansion.count if expansion else 0),
        "new_questions": expansion.count if expansion else 0,
        "samples": settings.samples,
        "prompt_tokens": total.prompt,
        "completion_tokens": total.completion,
        "usd": round(total.usd(settings.price), 4),
        "usd_if_all_are_asked_again": round(asked.usd(settings.price) + 2.5 * answers.usd(settings.price), 4),
    }


def _tokens(usage: Usage) -> int:
    return usage.tokens


def _requests(settings: Settings, task: Task, collections: Sequence[str]) -> Callable[[Question], Request]:
    examples = _examples(settings, collections)
    return lambda asked: requests.question(settings, task.prompt(asked), examples.get(asked.collection, []))


def _expansion(settings: Settings, task: Task, own: list[Question], folder: Path) -> Expansion | None:
    if not settings.expand.count:
        return None
    outlines = outlines_of(task)
    if not outlines:
        raise InputError("teacher.expand: this task has no outlines to think up questions from; give teacher.questions")
    return Expansion(settings, outlines, own, folder / ASKED)


def _questions(settings: Settings) -> list[Question]:
    found: dict[str, Question] = {}
    for path in map(path_of, settings.questions):
        for number, value in read_lines(path, whole=True):
            record = validated(Asked, value, path, number)
            for index, text in enumerate(record.questions):
                question = Question(
                    id=f"{record.id}.{index}", collection=record.collection, text=text, meaning=record.id
                )
                if question.id in found:
                    raise InputError(f"{path}:{number}: id: {record.id!r} stands in the questions already")
                found[question.id] = question
    return list(found.values())[: settings.limit]


def _examples(settings: Settings, collections: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """The first recorded answers of each collection, as pairs of question and response."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in map(path_of, settings.lessons):
        for _, record in recorded(path, collections):
            shown = found.setdefault(record.collection, [])
            if len(shown) < settings.examples:
                shown.append((record.questions[0], record.response))
    return found


def _key(settings: Settings) -> str:
    key = os.environ.get(settings.key_env, "")
    if not key and urlsplit(settings.base_url or "").hostname not in ("localhost", "127.0.0.1", "::1"):
        raise TeacherError(
            f"the environment variable {settings.key_env} holds no key for {settings.base_url or 'OpenAI'}"
        )
    return key or "none"  # the client wants one; servers on this machine mostly do not
