"""The application that commands are added to, and the arguments they share."""

from pathlib import Path
from typing import Annotated

import typer

from thriftune.version import VERSION

app = typer.Typer(
    help="Fine-tune a small language model for one job when you have little data and little compute.",
    epilog="Example: thriftune run recipes/films-demo.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Overrides such as train.rank=32.", metavar="[KEY=VALUE]...")
]
Out = Annotated[Path | None, typer.Option("--out", help="Run folder. Default: runs/NAME.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"thriftune {VERSION}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)]


@app.callback()
def _root(version: Version = False) -> None:
    pass
