"""Walk the accepted lessons in a terminal: accept, edit, reject, undo. Goes on where it stopped, also after a kill."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from thriftune.files import append_record, read_records
from thriftune.records import Lesson, Question
from thriftune.runs import Run
from thriftune.tasks.base import Task
from thriftune.teach.reviews import REVIEWS, Review, holding, id_of, standing
from thriftune.teach.verify import verify

_KEYS = "[a]ccept  [e]dit  [r]eject  [u]ndo  [q]uit > "
_HELP = "Type one of a, e, r, u, q and Enter."


@dataclass(frozen=True)
class Terminal:
    """How the walk speaks with a person: `ask` shows a prompt and returns a line, or raises EOFError."""

    ask: Callable[[str], str]
    show: Callable[[str], None]
    edit: Callable[[str], str | None]


def walk(run: Run, task: Task, terminal: Terminal) -> None:
    """Have every lesson without a decision decided; every decision is on disk before the next lesson is shown."""
    lessons = read_records(run.path("lessons.jsonl"), Lesson)
    while lesson := _next(run, lessons):
        done = len(standing(run, lessons))
        terminal.show(_shown(task, lesson, f"{done + 1} of {len(lessons)}"))
        try:
            if not _decide(run, task, lessons, lesson, terminal):
                return
        except EOFError:
            return
    terminal.show("Every lesson has its decision.")


def editor(text: str) -> str | None:
    """Return the text as the person's editor left it: $VISUAL, $EDITOR or vi. None where that failed."""
    words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lesson.txt"
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*words, str(path)], check=True)
            return path.read_text(encoding="utf-8")
        except (OSError, subprocess.CalledProcessError, UnicodeDecodeError) as error:
            print(f"The editor failed, so nothing is changed: {error}. Set EDITOR to another one.")
            return None


def _next(run: Run, lessons: list[Lesson]) -> Lesson | None:
    decided = {review.seen for review in standing(run, lessons)}
    return next((lesson for lesson in lessons if id_of(lesson) not in decided), None)


def _decide(run: Run, task: Task, lessons: list[Lesson], lesson: Lesson, terminal: Terminal) -> bool:
    """Take one key; return False to end the walk."""
    key = terminal.ask(_KEYS).strip().lower()[:1]
    if key == "q":
        return False
    if key == "a":
        _note(run, lesson, "accept")
    elif key == "r":
        _note(run, lesson, "reject")
    elif key == "e":
        if edited := _edited(task, lesson, terminal):
            _note(run, lesson, "edit", edited)
    elif key == "u":
        _undo(run, lessons, terminal)
    else:
        terminal.show(_HELP)
    return True


def _edited(task: Task, lesson: Lesson, terminal: Terminal) -> Lesson | None:
    """Edit until the lesson passes the checks that a teacher's answer passes, or the person gives up."""
    text = _text(lesson)
    while (new := terminal.edit(text)) is not None and new != _text(lesson):
        text = new
        result = verify(task, _question(lesson.question, text), text)
        if isinstance(result, Lesson):
            return result
        terminal.show(f"It cannot be kept ({result.reason}: {result.detail}).")
        if terminal.ask("[e]dit again, or Enter to leave the lesson as it was > ").strip().lower()[:1] != "e":
            return None
    terminal.show("Nothing is changed.")
    return None


def _undo(run: Run, lessons: list[Lesson], terminal: Terminal) -> None:
    with holding(run):
        decided = standing(run, lessons)
        if not decided:
            terminal.show("There is nothing to undo.")
            return
        last = decided[-1]
        append_record(run.path(REVIEWS), Review(question_id=last.question_id, seen=last.seen, action="undo"))
    terminal.show(f"Undone: {last.action} of {last.question_id}.")


def _note(run: Run, lesson: Lesson, action: Literal["accept", "edit", "reject"], edited: Lesson | None = None) -> None:
    review = Review(question_id=lesson.question.id, seen=id_of(lesson), action=action, lesson=edited)
    with holding(run):
        append_record(run.path(REVIEWS), review)


def _text(lesson: Lesson) -> str:
    parts = f"<rationale>\n{lesson.rationale}\n</rationale>\n<answer>\n{lesson.label}\n</answer>\n"
    return f"{lesson.question.text}\n\n{parts}"


def _question(question: Question, text: str) -> Question:
    """The question with the words that stand before the rationale; without any it stays as it was."""
    words = " ".join(text.partition("<rationale>")[0].split())
    return question.model_copy(update={"text": words or question.text})


def _shown(task: Task, lesson: Lesson, place: str) -> str:
    result = task.check(lesson.question, lesson.label).result
    asked = lesson.question
    return "\n".join(
        [
            "",
            f"── {place} · {asked.id} · {asked.collection} · {', '.join(lesson.families)}",
            f"question   {asked.text}",
            f"rationale  {lesson.rationale}",
            f"answer     {lesson.label}",
            f"finds      {result}",
        ]
    )
