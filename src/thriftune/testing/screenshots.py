"""Pictures of the pages for the docs: `python -m thriftune.testing.screenshots RUNS`.

RUNS is a folder of runs, as `thriftune ui` takes it. Each page is taken in light and dark, and as a phone shows it.
"""

import argparse
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thriftune.errors import UserError
from thriftune.testing.browser import browser, missing

# page → what to wait for before the picture is taken
PAGES = {
    "review": ".returned table, .returned .bad, .nothing",
    "ask": ".ask, .nothing",
    "runs": ".numbers",
    "plan": ".planned:not(.working) .bars",
}
_TALLEST = 2000
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1200, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}


@contextmanager
def served(runs: Path) -> Iterator[tuple[str, str]]:
    """Serve the pages in a process of their own; yield address and token."""
    token = secrets.token_urlsafe(12)
    command = [sys.executable, "-m", "thriftune.cli", "ui", str(runs), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "THRIFTUNE_TOKEN": token})
    assert process.stderr is not None
    try:
        told = process.stderr.readline()
        found = re.search(r"open (\S+/)\?", told)
        if not found:
            raise UserError(told + process.stderr.read())
        yield found[1], token
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def take(runs: Path, out: Path, run: str = "", question: str = "") -> list[Path]:
    """Write the pictures and return their paths. With a question the page *Ask* shows its answer.

    Raises:
        UserError: no browser, or no runs.
    """
    if reason := missing():
        raise UserError(reason)
    out.mkdir(parents=True, exist_ok=True)
    taken = []
    with served(runs) as (address, token), browser() as chromium:
        for look, settings in LOOKS.items():
            context = chromium.new_context(**settings)
            context.set_default_timeout(900_000)  # a plan takes minutes on a busy machine
            for name in PAGES:
                page = context.new_page()
                page.goto(f"{address}{name}?token={token}&run={run}")
                _ready(page, name, question)
                taken.append(out / f"{name}-{look}.png")
                _as_tall_as_it_is(page)
                page.screenshot(path=taken[-1])
                page.close()
            context.close()
    return taken


def _ready(page: Any, name: str, question: str) -> None:
    page.locator(PAGES[name]).first.wait_for()
    if name == "ask" and question and page.locator(".asked").count():
        page.get_by_label("Question").fill(question)
        page.keyboard.press("Enter")
        page.locator(".answer article").wait_for()
        page.get_by_role("button", name="Why?").click()
        page.locator(".rationale").wait_for()
    page.wait_for_timeout(500)  # Quasar's transitions


def _as_tall_as_it_is(page: Any) -> None:
    """A picture of the full page would have what sticks to the bottom of the window in its middle."""
    tall = page.evaluate(
        "() => Math.max(...[...document.querySelectorAll('main > *')].map("
        "each => each.getBoundingClientRect().bottom + window.scrollY))"
    )
    page.set_viewport_size({"width": page.viewport_size["width"], "height": min(int(tall) + 24, _TALLEST)})
    page.wait_for_timeout(300)


def main() -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description="Pictures of the pages, in light, dark and on a phone.")
    parser.add_argument("runs", type=Path, help="a folder of runs, or one run")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--run", default="", help="the run to show; the first unless named")
    parser.add_argument("--question", default="", help="what to ask its student")
    chosen = parser.parse_args()
    try:
        for path in take(chosen.runs, chosen.out, chosen.run, chosen.question):
            print(path)
    except UserError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
