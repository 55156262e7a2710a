"""The command line: one command per stage; parse, call, print."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from thriftune.errors import UserError
from thriftune.version import VERSION

app = typer.Typer(
    help="Fine-tune a small language model for one job when you have little data and little compute.",
    epilog="Example: thriftune run recipes/films-demo.yaml",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_INTERRUPTED = 130  # what typer makes of Ctrl-C
RecipeFile = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Overrides such as train.rank=32.", metavar="[KEY=VALUE]...")
]
Out = Annotated[Path | None, typer.Option("--out", help="Run folder. Default: runs/NAME.")]
Form = Literal["csv", "jsonl", "parquet", "hf", "chat"]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


def _stage(stages: tuple[str, ...], recipe: Path, overrides: list[str] | None, out: Path | None, as_json: bool) -> None:
    from thriftune.recipe import load
    from thriftune.report.text import summary
    from thriftune.road import travel

    loaded = load(recipe, overrides)
    run = travel(loaded, out or Path("runs") / loaded.name, stages)
    scored = bool({"evaluate", "report"} & set(stages))
    print(json.dumps(run.manifest, indent=2) if as_json else summary(run, scored))


def _bill(recipe: Path, overrides: list[str] | None, out: Path | None, as_json: bool) -> None:
    from thriftune.recipe import load
    from thriftune.road import bill

    loaded = load(recipe, overrides)
    found = bill(loaded, out or Path("runs") / loaded.name)
    tokens = f"{found['prompt_tokens']:,} tokens read and at most {found['completion_tokens']:,} written"
    usd = f"at most {found['usd']} USD, {found['usd_if_all_are_asked_again']} USD if every answer had to be asked again"
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
def train(recipe: RecipeFile, overrides: Overrides = None, out: Out = None, as_json: Json = False) -> None:
    """Fine-tune the student on the run's dataset.

    Example: thriftune train recipes/films-demo.yaml train.modality=lora
    """
    _stage(("train",), recipe, overrides, out, as_json)


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


data = typer.Typer(help="Lessons from and to the files of other tools.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data, name="data")


@data.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, JSONL, Parquet, or a Hugging Face dataset folder.")],
    out: Annotated[Path, typer.Option("--out", help="The file of lessons to write.")],
    collection: Annotated[str, typer.Option("--collection", help="For rows without a column of this name.")] = "",
) -> None:
    """Turn rows with prompt, dsl and rationale into a file of lessons for teacher.lessons.

    Example: thriftune data import answers.csv --collection products --out lessons.jsonl
    """
    from thriftune.runs import write_records
    from thriftune.teach.teachers import recorded

    found = [record for _, record in recorded(file, [collection] if collection else [])]
    write_records(out, found)
    print(f"{len(found)} answers to {sum(len(record.questions) for record in found)} questions: {out}")


@data.command()
def export(
    run: Annotated[Path, typer.Argument(help="The run folder.", metavar="RUN")],
    to: Annotated[Form, typer.Option("--to", help="The format.")],
    out: Annotated[Path, typer.Option("--out", help="The folder to write: a file for each of train, valid, test.")],
    rationales: Annotated[
        bool, typer.Option("--rationales", help="In chats: the reason before the answer, instead of the answer alone.")
    ] = False,
) -> None:
    """Write a run's dataset for other tools; `chat` is what trainers of chat models read.

    Example: thriftune data export runs/films-demo --to parquet --out films
    """
    from thriftune.road import export as exported

    counts = exported(run, to, out, rationales)
    print(f"{', '.join(f'{count} {name}' for name, count in counts.items())}: {out}")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"thriftune {VERSION}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)]


@app.callback()
def _root(version: Version = False) -> None:
    pass


def main() -> Any:
    """Run the command line; a fault of the user ends with one message and exit code 2."""
    # read when torch starts its threads: those that wait sleep, for spinning they starve other processes and themselves
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            print("stopped; the same command goes on from here", file=sys.stderr)
        raise


if __name__ == "__main__":
    main()
