"""The run folders that the pages show."""

from pathlib import Path

from thriftune.errors import RunError
from thriftune.runs import MANIFEST
from thriftune.ui.bench import Bench


class Workspace:
    """A folder of run folders, or one run folder; found anew with each page, as runs come and go."""

    def __init__(self, folder: Path) -> None:
        """Look at the folder.

        Raises:
            RunError: there is no run in it.
        """
        self.folder = folder
        self._benches: dict[str, Bench] = {}
        self.bench("")

    def folders(self) -> dict[str, Path]:
        """Return the run folders by name: those that have a manifest."""
        found = [self.folder, *sorted(path for path in self.folder.glob("*") if path.is_dir())]
        return {path.resolve().name: path for path in found if (path / MANIFEST).is_file()}

    def bench(self, name: str) -> Bench:
        """Return a run by its name; the first where there is none of that name.

        Raises:
            RunError: there is no run at all.
        """
        folders = self.folders()
        if not folders:
            raise RunError(f"{self.folder} holds no run. Make one with: thriftune run RECIPE --out {self.folder}/NAME")
        name = name if name in folders else next(iter(folders))
        if name not in self._benches:
            self._benches[name] = Bench(folders[name])
        return self._benches[name]

    def close(self) -> None:
        """Close what was opened."""
        for bench in self._benches.values():
            bench.close()
