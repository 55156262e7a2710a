"""The page *Ask*: a question, the query as the student writes it, the reason on demand, and what it finds."""

from nicegui import run, ui

from thriftune.errors import UserError
from thriftune.ship.predict import Answer
from thriftune.ship.wrong import WRONG, note_wrong
from thriftune.ui.bench import Bench
from thriftune.ui.colours import coloured
from thriftune.ui.frame import frame
from thriftune.ui.results import show_found
from thriftune.ui.workspace import Workspace

_MOST = 10  # hits shown


class AskPage:
    """One tab's conversation with a run's student: one question at a time."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        names = bench.collections()
        with ui.element("div").classes("ask"):
            self._collection = ui.select(names, value=names[0], label="Collection") if len(names) > 1 else None
            if self._collection:
                self._collection.props("outlined dense options-dense").classes("collection")
            self._question = ui.input("Question").props("outlined dense autofocus").classes("asked")
            self._question.on("keydown.enter", self._ask)
            self._button = ui.button("Ask", on_click=self._ask).props("unelevated no-caps").classes("send")
        self._place = ui.element("div").classes("answer")

    async def _ask(self) -> None:
        text = (self._question.value or "").strip()
        if not text or not self._button.enabled:
            return
        self._button.disable()
        self._say("The student writes. The first question also loads it, which takes some seconds.")
        try:
            answer = await run.io_bound(self._bench.answer, text, self._named(), _MOST)
            if answer is not None:  # the server is stopping
                self._show(answer)
        except UserError as error:
            self._say(str(error), "bad")
        finally:
            self._button.enable()

    def _named(self) -> str | None:
        return str(self._collection.value) if self._collection else None

    def _say(self, text: str, tone: str = "note") -> None:
        self._place.clear()
        with self._place:
            ui.label(text).classes(tone)

    def _show(self, answer: Answer) -> None:
        self._place.clear()
        with self._place, ui.element("article").classes("card"):
            ui.label(answer.question).classes("question")
            with ui.element("h2"):
                ui.label("Query")
            ui.html(coloured(answer.text), sanitize=False).classes("query")
            if answer.cut_off:
                ui.label("It reached evaluate.max_new_tokens, so it is hardly whole.").classes("bad")
            self._reason(answer)
            if answer.found is not None:
                with ui.element("h2"):
                    ui.label("Returned")
                show_found(answer.found)
            self._wrong(answer)

    def _reason(self, answer: Answer) -> None:
        place = ui.element("div").classes("why")

        async def explain() -> None:
            button.disable()
            try:
                text = await run.io_bound(self._bench.rationale, answer.question, answer.collection or None)
            except UserError as error:
                text = str(error)
            if text is None or place.is_deleted:
                return
            place.clear()
            with place:
                with ui.element("h2"):
                    ui.label("Rationale")
                ui.label(text).classes("rationale")

        with place:
            button = ui.button("Why?", on_click=explain).props("flat dense no-caps").classes("explain")

    def _wrong(self, answer: Answer) -> None:
        folder = self._bench.run.folder

        def store() -> None:
            try:
                new = note_wrong(folder, answer.collection, answer.question)
            except UserError as error:
                ui.notify(str(error), type="negative")
                return
            button.disable()
            where = f"{folder / WRONG} (a file for teacher.questions)"
            told.set_text(f"{'Stored' if new else 'It is already'} in {where}.")

        with ui.element("div").classes("actions"):
            told = ui.label("Wrong? Then the next round of teaching should have this question.").classes("note stored")
            button = ui.button("This is wrong", on_click=store).props("outline no-caps").classes("wrong")


def ask_page(workspace: Workspace, name: str) -> None:
    """Draw the page."""
    with frame(workspace, "/ask", name) as bench:
        if not bench.trained:
            ui.label("This run has no trained student yet. Run: thriftune run RECIPE").classes("nothing")
            return
        try:
            AskPage(bench)
        except UserError as error:
            ui.label(str(error)).classes("bad")
