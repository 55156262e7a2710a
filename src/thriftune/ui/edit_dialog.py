"""The dialog in which a lesson is edited. It stays open with what was typed until the edit is kept or given up."""

from collections.abc import Callable

from nicegui import run, ui

from thriftune.errors import UserError
from thriftune.records import Lesson, Reject
from thriftune.teach.reviews import Review
from thriftune.ui.bench import Bench
from thriftune.ui.colours import laid_out
from thriftune.ui.desk import Overtaken

Keep = Callable[[Lesson, Review | None], None]


class EditDialog:
    """Edits a lesson.

    Args:
        lesson: as it is now. expected: the decision that stood when it was shown.
        keep: called with the verified new form and `expected`; may raise `Overtaken`.
        standing: tells which decision stands now.
    """

    def __init__(
        self,
        bench: Bench,
        lesson: Lesson,
        expected: Review | None,
        keep: Keep,
        standing: Callable[[], Review | None],
    ) -> None:
        self._bench, self._lesson, self._expected = bench, lesson, expected
        self._keep, self._standing, self.is_open = keep, standing, True
        with ui.dialog().props("persistent") as self._dialog, ui.element("div").classes("editor"):
            self._question = self._field("Question", lesson.question.text)
            self._rationale = self._field("Rationale", lesson.rationale)
            self._label = self._field("Query", laid_out(lesson.label))
            self._fault = ui.label().classes("bad fault").props("role=alert")
            with ui.element("div").classes("actions"):
                ui.label("Ctrl+Enter keeps it, Esc leaves it as it was").classes("note")
                ui.button("Leave", on_click=self.leave).props("flat no-caps")
                ui.button("Keep", on_click=self.save).props("unelevated no-caps")
        self._dialog.on("keydown.ctrl.enter", self.save)
        self._dialog.on("keydown.esc", self.leave)
        self._dialog.on("hide", self._dialog.delete)

    def open(self) -> None:
        """Show the dialog."""
        self._dialog.open()
        self._question.run_method("focus")

    def leave(self) -> None:
        """Close it; the lesson stays as it was."""
        self._dialog.close()
        self.is_open = False

    async def save(self) -> None:
        """Verify the edit as a teacher's answer is verified, and keep it; say what is wrong otherwise."""
        texts = (self._question.value or "", self._rationale.value or "", self._label.value or "")
        if texts == (self._lesson.question.text, self._lesson.rationale, laid_out(self._lesson.label)):
            self._fault.set_text("Nothing is changed.")
            return
        try:
            result = await run.io_bound(self._bench.edited, self._lesson, *texts)
            if result is not None:  # the server is stopping
                self._take(result)
        except UserError as error:
            self._fault.set_text(str(error))

    def _take(self, result: Lesson | Reject) -> None:
        if isinstance(result, Reject):
            self._fault.set_text(f"It cannot be kept ({result.reason}: {result.detail}).")
            return
        try:
            self._keep(result, self._expected)
        except Overtaken as error:
            self._expected = self._standing()
            self._fault.set_text(f"{error} Keep it again to overrule that.")
        else:
            self.leave()

    @staticmethod
    def _field(label: str, value: str) -> ui.textarea:
        return (
            ui.textarea(label, value=value).props("outlined autogrow spellcheck=false").classes(f"in-{label.lower()}")
        )
