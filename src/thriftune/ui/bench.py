"""What the pages hold open of one run: its lessons, its task with the engine, its student. Made when first needed."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from thriftune.errors import UserError
from thriftune.recipe import Task as TaskSettings
from thriftune.records import Lesson, Question, Reject
from thriftune.road import recipe_of
from thriftune.runs import Run
from thriftune.tasks.base import Found, Runnable, Task
from thriftune.tasks.build import build
from thriftune.ui.desk import Desk
from thriftune.ui.edits import edited

if TYPE_CHECKING:  # loads torch when a student is loaded
    from thriftune.ship.predict import Answer, Predictor

_AGAIN_SECONDS = 30.0  # after which an engine that could not be reached is tried again


_CLOSE_SECONDS = 2.0
TORCH = threading.Lock()  # a plan replaces parts of torch and transformers for the whole process while it is made


class Bench:
    """One run. Its methods block and are called in threads; one of them works at a time."""

    def __init__(self, folder: Path) -> None:
        self.run = Run(folder)
        self.desk = Desk(self.run)
        self._task: Task | None = None
        self._settings: TaskSettings | None = None
        self._predictor: Predictor | None = None
        self._trained = ""
        self._everything: dict[str, int | None] = {}  # documents by collection
        self._failed: tuple[float, UserError] | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.run.folder.resolve().name

    def found(self, question: Question, label: str, most: int) -> Found:
        """Run a label and return what it finds.

        Raises:
            UserError: the task cannot be made; an engine is missing or cannot be reached.
        """
        with self._lock:
            task = self._ready()
            if isinstance(task, Runnable):
                return task.run(question, label, most)
            verdict = task.check(question, label)
            return Found(None, (verdict.result,) if verdict.valid else (), None, verdict.fault, verdict.detail)

    def everything(self, question: Question) -> int | None:
        """Return how many documents the question's collection has; None where the task does not say.

        Raises:
            UserError: as `found`.
        """
        with self._lock:
            task = self._ready()
            assert self._settings is not None
            if self._settings.kind == "query_dsl" and question.collection not in self._everything:
                assert isinstance(task, Runnable)
                self._everything[question.collection] = task.run(question, "{}", 0).total
            return self._everything.get(question.collection)

    def edited(self, lesson: Lesson, question: str, rationale: str, label: str) -> Lesson | Reject:
        """Verify an edited lesson.

        Raises:
            UserError: as `found`.
        """
        with self._lock:
            return edited(self._ready(), lesson, question, rationale, label)

    def answer(self, text: str, collection: str | None, most: int) -> "Answer":
        """Have the student answer, and run what it wrote where the task can.

        Raises:
            UserError: there is no trained student, or as `found`.
        """
        with self._lock, TORCH:
            predictor = self._loaded()
            runs = isinstance(predictor.task, Runnable)
            return predictor.predict([text], collection, execute=runs, most=most)[0]

    def rationale(self, text: str, collection: str | None) -> str:
        """Have the student say why."""
        with self._lock, TORCH:
            predictor = self._loaded()
            return predictor.generate([predictor.question(text, collection)], rationale=True)[0].text

    def collections(self) -> list[str]:
        """Return what can be asked about, as the recipe names it.

        Raises:
            RunError: the run holds no recipe of this version.
        """
        return recipe_of(Run(self.run.folder)).task.names

    @property
    def trained(self) -> bool:
        """Whether there is a trained student."""
        train = Run(self.run.folder).manifest["stages"].get("train", {})
        return train.get("status") == "done" and self.run.path("model").is_dir()

    def close(self) -> None:
        """Give back what the task holds; what is still at work ends with the process."""
        if self._lock.acquire(timeout=_CLOSE_SECONDS):
            self._drop()
            self._lock.release()

    def _ready(self) -> Task:
        """Return the task of the recipe that the manifest holds now."""
        recipe = recipe_of(Run(self.run.folder))
        if self._task is None or recipe.task != self._settings:
            if self._failed and time.monotonic() - self._failed[0] < _AGAIN_SECONDS:
                raise self._failed[1]
            self._drop()
            try:
                self._task, self._settings = build(recipe), recipe.task
            except UserError as error:
                self._failed = (time.monotonic(), error)
                raise
        return self._task

    def _loaded(self) -> "Predictor":
        """Return the student as it was trained last."""
        from thriftune.ship.predict import load

        task = self._ready()
        trained = Run(self.run.folder).manifest["stages"].get("train", {}).get("id", "")
        if self._predictor is None or trained != self._trained:
            self._predictor = None  # first: two students may be more than memory holds
            self._predictor, self._trained = load(self.run.folder, task), trained
        return self._predictor

    def _drop(self) -> None:
        if self._task is not None:
            self._task.close()
        self._task = self._predictor = None
        self._everything = {}
