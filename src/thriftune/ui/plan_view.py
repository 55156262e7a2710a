"""The view of the page *Plan*: what each modality holds in memory, with sliders for what changes it."""

from typing import Any

from nicegui import background_tasks, run, ui

from thriftune.errors import UserError
from thriftune.plan.configs import shipped
from thriftune.plan.text import reason
from thriftune.recipe import Recipe
from thriftune.ui.bench import TORCH
from thriftune.ui.plan_asked import Planned, make, memory_here
from thriftune.ui.plan_bars import bars

# name, title, least, most, step
SLIDERS = (
    ("prefix_tokens", "Prompt, tokens", 50, 4000, 50),
    ("label_tokens", "Answer, tokens", 10, 1000, 10),
    ("rationale_tokens", "Rationale, tokens", 10, 1000, 10),
    ("batch", "Batch, lessons", 1, 64, 1),
    ("rank", "Rank of LoRA and QLoRA", 2, 256, 2),
    ("memory_gb", "Memory, GB", 1, 96, 1),
)


class PlanView:
    """One tab's plan. While a simulation runs, only the latest of the changes made meanwhile waits."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._values = vars(Planned.of(recipe, memory_here(recipe))).copy()
        self._working = self._changed = False
        with ui.element("div").classes("plan"):
            with ui.element("div").classes("sliders"):
                self._student()
                for slider in SLIDERS:
                    self._slider(*slider)
                ui.checkbox(
                    "Checkpointing: less memory, a third more time",
                    value=bool(self._values["checkpointing"]),
                    on_change=lambda e: self._set("checkpointing", e.value),
                )
            with ui.element("div").classes("planned") as self._place:
                ui.label("Simulating a training step: seconds, or half a minute for large students …").classes("note")
        self._again()

    def _student(self) -> None:
        names = sorted({self._recipe.student.model, *shipped()})
        chooser = ui.select(names, value=self._values["student"], label="Student", with_input=True)
        chooser.props("outlined dense options-dense").on_value_change(lambda e: self._set("student", e.value))

    def _slider(self, name: str, title: str, least: int, most: int, step: int) -> None:
        value = self._values[name]
        with ui.element("div").classes("slider"):
            with ui.element("div").classes("slider-head"):
                ui.label(title)
                told = ui.label(f"{value:,}").classes("value")
            slider = ui.slider(min=min(least, value), max=max(most, value), step=step, value=value)
            slider.props(f'aria-label="{title}"').classes(f"s-{name}")
            slider.on_value_change(lambda e: told.set_text(f"{e.value:,}"))
            slider.on("change", lambda: self._set(name, int(slider.value)))  # when it is let go

    def _set(self, name: str, value: Any) -> None:
        if value is not None and self._values[name] != value:  # a student that was only half typed is None
            self._values[name] = value
            self._again()

    def _again(self) -> None:
        self._changed = True
        if not self._working:
            self._working = True
            background_tasks.create(self._work(), context=self._place)

    async def _work(self) -> None:
        self._place.classes(add="working")
        try:
            while self._changed and not self._place.is_deleted:
                self._changed = False
                asked = Planned(**self._values)
                shown = await run.io_bound(_simulated, self._recipe, asked)
                if shown is not None and not self._changed and not self._place.is_deleted:
                    self._show(asked, *shown)
        finally:
            self._working = False
            self._place.classes(remove="working")

    def _show(self, asked: Planned, drawn: str, told: str) -> None:
        self._place.clear()
        with self._place:
            if not drawn:
                ui.label(told).classes("bad")
                return
            ui.html(drawn, sanitize=False)
            ui.label(told).classes("reason")
            ui.label("On the command line, where there are no lessons yet:").classes("note")
            ui.label(f"thriftune plan RECIPE {asked.overrides()}").classes("command")


def _simulated(recipe: Recipe, asked: Planned) -> tuple[str, str]:
    """Return the bars and the reason; or nothing and what is wrong."""
    try:
        with TORCH:
            plan = make(asked.recipe(recipe))
    except UserError as error:
        return "", str(error)
    return bars(plan), reason(plan)
