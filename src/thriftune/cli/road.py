"""The commands of the road: run, teach, train, evaluate, report."""

import json
from pathlib import Path
from typing import Annotated

import typer

from thriftune.cli.app import Json, Out, Overrides, RecipeFile, app


def _stage(stages: tuple[str, ...], recipe: Path, overrides: list[str] | None, out: Path | None, as_json: bool) -> None:
    from thriftune.recipe import load
    from thriftune.report.text import summary
    from thriftune.road import travel
    from thriftune.train import ranks

    loaded = load(recipe, overrides)
    run = travel(loaded, out or Path("runs") / loaded.name, stages)
    if ranks.rank() > 0:  # rank 0 tells
        return
    scored = bool({"evaluate", "report"} & set(stages))
    print(json.dumps(run.manifest, indent=2) if as_json else summary(run, scored))


def _together(
    recipe: Path, overrides: list[str] | None, out: Path | None, as_json: bool, ray: str, workers: int
) -> None:
    from thriftune.recipe import load
    from thriftune.report.text import summary
    from thriftune.sweep.joint import train_together

    loaded = load(recipe, overrides)
    run = train_together(loaded, out or Path("runs") / loaded.name, ray, workers)
    print(json.dumps(run.manifest, indent=2) if as_json else summary(run, scored=False))


def _bill(recipe: Path, overrides: list[str] | None, out: Path | None, as_json: bool) -> None:
    from thriftune.recipe import Price, load
    from thriftune.road import bill

    loaded = load(recipe, overrides)
    found = bill(loaded, out or Path("runs") / loaded.name)
    tokens = f"{found['prompt_tokens']:,} tokens read and at most {found['completion_tokens']:,} written"
    usd = f"at most {found['usd']} USD, {found['usd_if_all_are_asked_again']} USD if every answer had to be asked again"
    if loaded.teacher.price == Price():
        usd = "without teacher.price nothing is known of what that costs"
    asked = f"{found['questions']} questions" + (f" ({found['new_questions']} new)" if found["new_questions"] else "")
    asked += f", {found['samples']} answers each" if found["samples"] > 1 else ""
    print(json.dumps(found) if as_json else f"{asked}: about {tokens}; {usd}")


def _review(recipe: Path, overrides: list[str] | None, out: Path | None, as_json: bool) -> None:
    from thriftune.recipe import load
    from thriftune.report.text import summary
    from thriftune.road import review

    loaded = load(recipe, overrides)
    run = review(loaded, out or Path("runs") / loaded.name)
    print(json.dumps(run.manifest, indent=2) if as_json else summary(run, scored=False))


@app.command()
def run(recipe: RecipeFile, overrides: Overrides = None, out: Out = None, as_json: Json = False) -> None:
    """Travel the whole road: teach, dataset, train, evaluate, report. Resumes where it stopped.

    Example: thriftune run recipes/films-demo.yaml train.rank=32
    """
    _stage(("teach", "dataset", "train", "evaluate", "report"), recipe, overrides, out, as_json)


@app.command()
def teach(
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = None,
    as_json: Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what asking would cost at most; ask nothing.")
    ] = False,
    review: Annotated[
        bool, typer.Option("--review", help="Walk the accepted lessons: accept, edit, reject, undo. Resumes.")
    ] = False,
) -> None:
    """Ask the teacher, verify its answers by execution, and split them into a dataset.

    Example: thriftune teach recipes/films-demo.yaml
    """
    if dry_run:
        _bill(recipe, overrides, out, as_json)
    elif review:
        _review(recipe, overrides, out, as_json)
    else:
        _stage(("teach", "dataset"), recipe, overrides, out, as_json)


@app.command()
def train(
    recipe: RecipeFile,
    overrides: Overrides = None,
    out: Out = None,
    as_json: Json = False,
    ray: Annotated[
        str | None, typer.Option("--ray", help="Train on a Ray cluster: auto, local, or an address.")
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Workers of the Ray cluster that train.")] = 2,
) -> None:
    """Fine-tune the student on the run's dataset.

    Example: thriftune train recipes/films-demo.yaml train.modality=lora
    """
    if ray is None:
        _stage(("train",), recipe, overrides, out, as_json)
    else:
        _together(recipe, overrides, out, as_json, ray, workers)


@app.command()
def evaluate(recipe: RecipeFile, overrides: Overrides = None, out: Out = None, as_json: Json = False) -> None:
    """Score the base and the tuned student on the test split by running what they write.

    Example: thriftune evaluate recipes/films-demo.yaml evaluate.limit=20
    """
    _stage(("evaluate",), recipe, overrides, out, as_json)


@app.command()
def report(recipe: RecipeFile, overrides: Overrides = None, out: Out = None, as_json: Json = False) -> None:
    """Write report.html and report.md from the run's records.

    Example: thriftune report recipes/films-demo.yaml
    """
    _stage(("report",), recipe, overrides, out, as_json)
