"""The system's Chromium driven by Playwright, for tests and pictures of the pages."""

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


def missing() -> str:
    """Return what is missing for a browser with the pages in it; nothing where all is there."""
    for package, extra in (("nicegui", "ui"), ("playwright", "browser")):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: pip install 'thriftune[{extra}]'"
    return "" if _path() else "no Chromium on the path: apt-get install chromium"


@contextmanager
def browser() -> Iterator[Any]:
    """Start the browser; see Playwright's `Browser`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=_path(), args=_FLAGS.split())
        try:
            yield started
        finally:
            started.close()


def _path() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)
