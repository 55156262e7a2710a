"""The commands `plan` and `doctor`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from thriftune.cli.app import Json, Out, Overrides, RecipeFile, app
from thriftune.errors import RecipeError


@app.command()
def plan(
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = None,
    as_json: Json = False,
    memory: Annotated[
        str | None, typer.Option("--memory", help="As if there were so much, such as 16GB. Default: what is free here.")
    ] = None,
    gpu: Annotated[
        str | None, typer.Option("--gpu", help="As if on this GPU: t4, l4, a10, 4090, a100, h100, …")
    ] = None,
    pilot: Annotated[
        bool,
        typer.Option("--pilot", help="Train each modality that fits for some minutes; say what the whole takes."),
    ] = False,
    minutes: Annotated[float, typer.Option("--minutes", min=0.01, help="With --pilot: for each modality.")] = 1.5,
) -> None:
    """Say what fits into which memory before anything is loaded: full, LoRA and QLoRA side by side, and which to take.

    Example: thriftune plan recipes/films-demo.yaml --gpu t4
    """
    from thriftune.recipe import load
    from thriftune.road import pilot as tried
    from thriftune.road import plan as planned

    loaded = load(recipe, overrides)
    folder = out or Path("runs") / loaded.name
    if pilot and (gpu or memory):
        raise RecipeError("--pilot trains on this machine: leave out --gpu and --memory, or set plan.memory=16GB")
    from thriftune.plan.text import data, table

    if pilot:
        made, trials, text = tried(loaded, folder, minutes)
        print(json.dumps({**data(made), "trials": trials}, indent=2) if as_json else f"{table(made)}\n\n{text}")
    else:
        made = planned(loaded, folder, gpu, memory)
        print(json.dumps(data(made), indent=2) if as_json else table(made))


@app.command()
def doctor(
    recipe: Annotated[
        Path | None, typer.Argument(help="A recipe, to look at what it needs.", metavar="[RECIPE]")
    ] = None,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Say what this machine has, what is missing, and the command that mends it. Ends with 1 where something needed is.

    Example: thriftune doctor recipes/films-demo.yaml
    """
    from dataclasses import asdict

    from thriftune.plan.doctor import examine
    from thriftune.recipe import load

    checks = list(examine(load(recipe, overrides) if recipe else None))
    if as_json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        for check in checks:
            mend = f"\n{'':21}mend: {check.mend}" if check.mend else ""
            print(f"{check.name:<14} {check.status:<8} {check.found}{mend}")
    if any(check.needed and check.status != "ok" for check in checks):
        raise typer.Exit(1)
