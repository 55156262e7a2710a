"""The page of the command line: what `--help` says, for every command."""

from collections.abc import Iterator
from typing import Any

import typer

from thriftune.cli import app

_WIDTH = 80
_HEAD = """# The command line

*Made of the code by `python -m thriftune.testing.reference`; edit the commands in `src/thriftune/cli/`, not this page.*

A command ends with exit code 0 if what was asked for is there. The code is 1 where `doctor` misses something needed or
trials of a study are open or failed, 2 with one message after a fault that you can mend ([errors](../errors.md)), 130
after Ctrl-C. Progress goes to stderr. `RECIPE` may be followed by overrides of any [key](recipe.md): `train.rank=32`.

"""


def page() -> str:
    """Return the page."""
    commands = list(_commands(typer.main.get_command(app), "thriftune"))
    rows = [f"| [`{name}`](#{_anchor(name)}) | {_first(command)} |" for name, command in commands]
    table = "\n".join(["| command | |", "|---|---|", *rows])
    return _HEAD + "\n\n".join([table, *(_part(name, command) for name, command in commands)]) + "\n"


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield (name, command) of the leaves, groups opened."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _part(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name, terminal_width=_WIDTH, max_content_width=_WIDTH)
    return f"## {name}\n\n```text\n{command.get_help(context).rstrip()}\n```"


def _first(command: Any) -> str:
    """Return the first paragraph of a command's help on one line."""
    return " ".join(str(command.help).partition("\n\n")[0].split()).replace("|", "\\|")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")
