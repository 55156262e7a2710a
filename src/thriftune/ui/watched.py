"""A file that others write: read again when it has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Watched(Generic[T]):
    """What `read` makes of a file, or `missing()` while there is none."""

    def __init__(self, path: Path, read: Callable[[Path], T], missing: Callable[[], T]) -> None:
        self._path, self._read, self._missing = path, read, missing
        self._stamp: tuple[int, int, int] | None = None
        self._value = missing()

    def value(self) -> T:
        """Return the content as of now.

        Raises:
            InputError: the file is damaged.
        """
        try:
            stat = self._path.stat()
        except OSError:
            if self._stamp is not None:
                self._stamp, self._value = None, self._missing()
            return self._value
        stamp = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if stamp != self._stamp:
            self._value = self._read(self._path)
            self._stamp = stamp
        return self._value
