"""The commands `data import` and `data export`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from thriftune.cli.app import app

Form = Literal["csv", "jsonl", "parquet", "hf", "chat"]
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
    from thriftune.files import write_records
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
