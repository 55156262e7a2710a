"""The command `export`."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from thriftune.cli.app import Json, app

Form = Literal["adapter", "merged", "gguf", "ollama"]


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="The run folder.", metavar="RUN")],
    to: Annotated[Form, typer.Option("--to", help="The form.")],
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write. Default: RUN/export/FORM.")] = None,
    allow: Annotated[
        bool, typer.Option("--allow", help="Keep it also if it is not the trained model, marked.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the trained model for other tools, and prove that it answers as it was scored.

    Example: thriftune export runs/films-demo --to merged
    """
    from thriftune.report.parity import rows
    from thriftune.report.text import columns
    from thriftune.road import ship

    folder = ship(run, to, out, allow)
    found = json.loads((folder / "parity.json").read_text(encoding="utf-8"))
    print(json.dumps({"folder": str(folder), **found}) if as_json else f"{columns(rows(found['forms']))}\n\n{folder}")
