"""Where the work is: a line on stderr with the share done and the time left."""

import sys
import time
from typing import TextIO


class Progress:
    """Tells how far one stage is. On a terminal the line is rewritten; elsewhere a line comes every few seconds."""

    def __init__(self, stage: str, stream: TextIO | None = None, every_seconds: float = 10.0) -> None:
        self.stage = stage
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._every = 0.2 if self._live else every_seconds
        self._started = time.monotonic()
        self._first: tuple[int, float] | None = None
        self._told = 0.0

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Report that `done` of `total` pieces are finished."""
        now = time.monotonic()
        if self._first is None:  # the first piece warms up, and a resumed stage starts in the middle
            self._first = (done, now)
        last = done >= total
        if last:  # the stage may count once more from the start: the pilot trains several times
            self._first = None
        if now - self._told < self._every and not last:
            return
        self._told = now
        line = f"{self.stage:<9} {done}/{total} {_clock(now - self._started)}{self._left(done, total, now)} {text}"
        self._stream.write(f"\r\x1b[2K{line}" + ("\n" if last else "") if self._live else line + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """Print one line about the stage."""
        self._stream.write(f"{self.stage:<9} {text}\n")
        self._stream.flush()

    def _left(self, done: int, total: int, now: float) -> str:
        first, since = self._first or (0, now)
        if done <= first or done >= total:
            return ""
        return f", {_clock((now - since) / (done - first) * (total - done))} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
