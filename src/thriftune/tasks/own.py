"""A task of the user's own: `task.kind: python` with `task.factory: FILE.py:FUNCTION`.

The file is run in this process with the user's rights, because the recipe names it. Its folder is on the import path
while it is run, so it may import its neighbours. What it raises keeps its traceback: the code is the user's.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

from thriftune.errors import InputError
from thriftune.tasks.base import Task


def make(factory: str, options: dict[str, Any]) -> Task:
    """Return what the function `FILE.py:FUNCTION` makes of the options.

    Raises:
        InputError: there is no such file or function, the options do not fit, or what comes is no task.
    """
    path, _, name = factory.rpartition(":")
    function = getattr(_module(Path(path)), name, None)
    if not callable(function):
        raise InputError(f"task.factory: {path} has no function {name}")
    try:
        signature(function).bind(**options)
    except TypeError as error:
        raise InputError(f"task.options do not fit {path}:{name}: {error}") from error
    task: Task = function(**options)
    missing = [promise for promise in promises() if not callable(getattr(task, promise, None))]
    if missing:
        raise InputError(
            f"task.factory: {factory} returned a {type(task).__name__} without {', '.join(missing)}. "
            "Derive it from thriftune.tasks.base.Task"
        )
    return task


def promises() -> list[str]:
    """Return the names of the methods of a task."""
    return [name for name, value in vars(Task).items() if callable(value) and not name.startswith("_")]


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputError(f"task.factory: there is no file {path}")
    name = f"thriftune_own_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"task.factory: {path} is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up there
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
