"""The view of the page *Plan*: what each modality holds in memory, with sliders for what changes it."""

import asyncio
from collections.abc import Callable
from typing import Any

from nicegui import background_tasks, run, ui

from thriftune.errors import UserError
from thriftune.plan.configs import shipped
from thriftune.plan.remembered import Abandoned, Remembered
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
_REST_SECONDS = 0.4  # a slider that is moved by keys is let go at each step: wait until it rests
_REMEMBERED = Remembered()  # of all tabs: what was simulated once is there at once


class PlanView:
    """One tab's plan: of where the sliders rest. What is simulated for where they were before is abandoned."""

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
                ).props("dense")
            with ui.element("div").classes("planned") as self._planned:
                self._status = ui.label().classes("status").props("role=status")
                self._place = ui.element("div").classes("plan-shown")
        self._again()

    def _student(self) -> None:
        names = sorted({self._recipe.student.model, *shipped()})
        chooser = ui.select(names, value=self._values["student"], label="Student", with_input=True)
        chooser.props("outlined dense options-dense").on_value_change(lambda e: self._set("student", e.value))

    def _slider(self, name: str, title: str, least: int, most: int, step: int) -> None:
        value = self._values[name]

        def moved(to: int) -> None:
            told.set_text(f"{to:,}")
            self._tell(self._working or to != self._values[name])

        with ui.element("div").classes("slider"):
            with ui.element("div").classes("slider-head"):
                ui.label(title)
                told = ui.label(f"{value:,}").classes("value")
            slider = ui.slider(min=min(least, value), max=max(most, value), step=step, value=value)
            slider.props(f'aria-label="{title}"').classes(f"s-{name}").on_value_change(lambda e: moved(e.value))
            # when it is let go; its own value may still be on the way, for these events are throttled
            slider.on("change", lambda e: self._set(name, int(e.args)))

    def _set(self, name: str, value: Any) -> None:
        if value is not None and self._values[name] != value:  # a student that was only half typed is None
            self._values[name] = value
            self._again()

    def _again(self) -> None:
        self._changed = True
        self._tell(True)
        if not self._working:
            self._working = True
            background_tasks.create(self._work(), context=self._place)

    def _tell(self, waiting: bool) -> None:
        """Show whether the bars are those of the sliders, or still of where they were before."""
        self._planned.classes(**{"add" if waiting else "remove": "working"})
        text = "Simulating a training step: seconds, or half a minute for large students …"
        self._status.set_text(text if waiting else "")

    async def _work(self) -> None:
        try:
            while self._changed and not self._place.is_deleted:
                self._changed = False
                await asyncio.sleep(_REST_SECONDS)
                asked = Planned(**self._values)
                shown = None if self._changed else await run.io_bound(_simulated, self._recipe, asked, self._is_stale)
                if shown is not None and not self._is_stale():
                    self._show(asked, *shown)
        finally:
            self._working = False
            if not self._place.is_deleted:
                self._tell(False)

    def _is_stale(self) -> bool:
        return self._changed or self._place.is_deleted

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


def _simulated(recipe: Recipe, asked: Planned, is_stale: Callable[[], bool]) -> tuple[str, str] | None:
    """Return the bars and the reason; nothing and what is wrong; or None where nobody waits for it any more."""
    try:
        with TORCH:
            plan = make(asked.recipe(recipe), _REMEMBERED.simulations(is_stale))
    except UserError as error:
        return "", str(error)
    except Abandoned:
        return None
    return bars(plan), reason(plan)
