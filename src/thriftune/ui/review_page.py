"""The page *Review*: accepted lessons one by one, by keyboard. A decision is on disk before the next one is shown."""

from collections import Counter

from nicegui import ui
from nicegui.events import GenericEventArguments

from thriftune.errors import UserError
from thriftune.records import Lesson
from thriftune.teach.reviews import Review
from thriftune.ui.bench import Bench
from thriftune.ui.desk import DONE, Action, Overtaken
from thriftune.ui.edit_dialog import EditDialog
from thriftune.ui.filters import ANY, REFUSED, UNDECIDED, VERDICTS, Filter, families, verdict_of
from thriftune.ui.frame import address, frame
from thriftune.ui.listing import Listing
from thriftune.ui.review_card import show_lesson, show_refused
from thriftune.ui.workspace import Workspace

# A key decides about the lesson on the screen, also where the server is ahead of it; so the key says which that is.
KEYS = """<script>
function reviewKey(key) {
  emitEvent("review-key", {key: key, seen: document.querySelector("[data-seen]")?.dataset.seen});
}
document.addEventListener("keydown", e => {
  if (e.repeat || e.ctrlKey || e.metaKey || e.altKey) return;
  if (!e.target.closest("input, textarea, .q-dialog, .q-menu")) reviewKey(e.key);
});
</script>"""
_BLUR = "() => document.activeElement.blur()"  # else the keys would go to the list that was chosen from
_STEPS = {"ArrowRight": 1, "j": 1, "ArrowLeft": -1, "k": -1}
_BUTTONS = (
    ("a", "A", "Accept"),
    ("e", "E", "Edit"),
    ("r", "R", "Reject"),
    ("u", "U", "Undo"),
    ("s", "S", "Similar"),
    ("ArrowLeft", "←", "Back"),
    ("ArrowRight", "→", "Next"),
)
_ACTIONS: dict[str, Action] = {"a": "accept", "r": "reject"}


class ReviewPage:
    """One tab's view of a run's lessons."""

    def __init__(self, bench: Bench, chosen: Filter) -> None:
        self._bench, self._desk, self._filter = bench, bench.desk, chosen
        self._listing = Listing(self._desk, chosen)
        self._tab = ui.context.client.id
        self._seen = ""
        self._expected: Review | None = None
        self._dialog: EditDialog | None = None
        ui.context.client.on_delete(lambda: self._desk.leave(self._tab))
        ui.add_body_html(KEYS)
        ui.on("review-key", self._key)
        self._bar()
        self._listed = ui.label().classes("listing note").props("role=status")
        self._place = ui.element("div").classes("place")
        self._buttons()
        self._lead()

    def _bar(self) -> None:
        with ui.element("div").classes("bar"):
            names = {"any": "every clause family"}
            names |= {name: f"{name} ({count:,})" for name, count in families(self._desk.lessons()).items()}
            family = ui.select(names, value=self._filter.family, label="Clause family")
            family.on_value_change(lambda e: self._chosen(family=e.value)).classes("family")
            verdict = ui.select(VERDICTS, value=self._filter.verdict, label="Verdict")
            verdict.on_value_change(lambda e: self._chosen(verdict=e.value)).classes("verdict")
            for chooser in (family, verdict):
                chooser.props("outlined dense options-dense").on("popup-hide", js_handler=_BLUR)
            with ui.element("div").classes("progress"):
                self._progress = ui.label().classes("told")
                self._meter = ui.element("progress").props("max=1").classes("meter")

    def _buttons(self) -> None:
        with ui.element("footer").classes("keys") as self._keys:
            for key, shown, title in _BUTTONS:
                button = ui.element("button").classes(f"key {title.lower()}")
                with button.on("click", js_handler=f"() => reviewKey('{key}')"):
                    ui.label(shown).classes("cap")
                    ui.label(title)

    def _key(self, event: GenericEventArguments) -> None:
        if event.args["seen"] == self._seen and not (self._dialog and self._dialog.is_open):
            self._press(event.args["key"])

    def _press(self, key: str) -> None:
        key = key.lower() if len(key) == 1 else key
        try:
            if key in _STEPS:
                self._show(self._listing.next(self._seen, _STEPS[key]))
            elif key == "u":
                self._undo()
            elif key == "s":
                self._similar()
            elif self._seen in self._desk.lessons():
                self._about_lesson(key)
        except UserError as error:
            ui.notify(str(error), type="negative")

    def _about_lesson(self, key: str) -> None:
        if key == "e":
            self._edit()
        elif key in _ACTIONS:
            self._decide(_ACTIONS[key])

    def _decide(self, action: Action) -> None:
        try:
            self._desk.decide(self._tab, self._seen, action, self._expected)
        except Overtaken as error:
            ui.notify(str(error), type="warning")
            self._show(self._seen)
            return
        self._lead()

    def _edit(self) -> None:
        seen, review = self._seen, self._expected
        now = review.lesson if review and review.lesson else self._desk.lessons()[seen]

        def keep(edited: Lesson, expected: Review | None) -> None:
            self._desk.decide(self._tab, seen, "edit", expected, edited)
            self._lead()

        self._dialog = EditDialog(self._bench, now, review, keep, lambda: self._desk.decisions().get(seen))
        self._dialog.open()

    def _undo(self) -> None:
        undone = self._desk.undo(self._tab)
        if undone is None:
            ui.notify("There is nothing to undo.")
            return
        ui.notify(f"Undone: {undone.action} of {undone.question_id}.")
        self._show(undone.seen)

    def _similar(self) -> None:
        """List the lessons that are like the one shown, or all again."""
        if self._filter.like or self._seen in self._desk.lessons():
            self._chosen(like="" if self._filter.like else self._seen, seen=self._seen)

    def _chosen(self, seen: str = "", **values: str) -> None:
        for name, value in values.items():
            setattr(self._filter, name, value)
        ui.navigate.history.replace(address("/review", run=self._bench.name, **vars(self._filter)))
        if seen:
            self._show(seen)
        else:
            self._seen = ""
            self._lead()

    def _lead(self) -> None:
        self._show(self._listing.free(self._seen, self._tab))

    def _show(self, seen: str) -> None:
        lesson, refused = self._desk.lessons().get(seen), self._desk.rejects().get(seen)
        self._seen = seen if lesson or refused else ""
        self._expected = self._desk.decisions().get(seen)
        self._desk.show(self._tab, self._seen)
        self._tell()
        self._place.clear()
        with self._place:
            if lesson:
                show_lesson(
                    self._bench,
                    seen,
                    lesson,
                    self._expected,
                    self._desk.doubts().get(seen, []),
                    self._listing.likeness(seen),
                )
            elif refused:
                show_refused(seen, refused)
            else:
                ui.label(self._listing.nothing()).classes("nothing").props('data-seen=""')

    def _tell(self) -> None:
        """Say how far the review is, and what is listed."""
        decisions, total = self._desk.decisions(), len(self._desk.lessons())
        counts = Counter(map(verdict_of, decisions.values()))
        told = [f"{counts[name]:,} {name}" for name in DONE.values() if counts[name]]
        self._progress.set_text(" · ".join([f"{len(decisions):,} of {total:,} decided", *told]))
        self._meter.props(f"value={len(decisions) / max(1, total):.4f}")
        self._listed.set_text(self._listing.told())
        self._listed.set_visibility(bool(self._listed.text))
        self._keys.classes(**{"add" if self._filter.verdict == REFUSED else "remove": "refused"})


def review_page(workspace: Workspace, run: str, asked: Filter) -> None:
    """Draw the page; what it is asked for and is not there is left out."""
    with frame(workspace, "/review", run) as bench:
        lessons = bench.desk.lessons()
        family = asked.family if asked.family in families(lessons) else ANY
        verdict = asked.verdict if asked.verdict in VERDICTS else UNDECIDED
        ReviewPage(bench, Filter(family, verdict, asked.like if asked.like in lessons else ""))
