"""The command `init`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from thriftune.cli.app import app
from thriftune.errors import InputError

if TYPE_CHECKING:
    from thriftune.starter.source import Source

Modality = Literal["full", "lora", "qlora"]
_WHY_DOCUMENTS = (
    "answers are judged by what they find. Where the index is not filled yet, write two dozen by hand to begin with"
)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder to write.", metavar="DIR")],
    index: Annotated[str | None, typer.Option("--index", help="The name of the index.")] = None,
    url: Annotated[str | None, typer.Option("--url", help="A server that has it. It is only read.")] = None,
    mapping: Annotated[Path | None, typer.Option("--mapping", help="Or what GET /INDEX/_mapping prints.")] = None,
    documents: Annotated[Path | None, typer.Option("--documents", help="With --mapping: JSON lines.")] = None,
    teacher: Annotated[str | None, typer.Option("--teacher", help="A chat model; empty for recorded answers.")] = None,
    base_url: Annotated[str, typer.Option("--base-url", help="Of the teacher; OpenAI's own unless named.")] = "",
    modality: Annotated[Modality, typer.Option("--modality", help="How the student learns.")] = "lora",
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="Documents to take.")] = 2_000,
) -> None:
    """Write a commented recipe for an index of your own; what is not given is asked, at most five questions.

    Example: thriftune init products --url http://127.0.0.1:9200 --index products --teacher my-model
    """
    from thriftune.starter.make import make
    from thriftune.starter.text import Chosen

    if mapping is None and url is None:
        url = _ask("--url or --mapping", "Address of the server that has the index (empty: from files)")
    index = index or _ask("--index", "Name of the index")
    if not index:
        raise InputError("the index has no name: give --index")
    source = _source(index, url or "", mapping, documents, most)
    if teacher is None:
        teacher = _ask("--teacher", "Chat model that writes the answers (empty: they are recorded in lessons.jsonl)")
    chosen = Chosen(folder.resolve().name, index, source.url, teacher, base_url, modality)
    path = make(folder, chosen, source)
    print(f"{path}: {len(source.documents)} documents of {index}. {_next(path, teacher)}")


def _next(path: Path, teacher: str) -> str:
    from thriftune.starter.sheet import SHEET

    if teacher:
        return f"Read it, then: thriftune plan {path}"
    lessons = path.with_name("lessons.jsonl")
    return f"Read it and write {lessons} ({path.with_name(SHEET)} says how), then: thriftune teach {path}"


def _source(index: str, url: str, mapping: Path | None, documents: Path | None, most: int) -> "Source":
    from thriftune.starter.source import from_files, from_server

    if url:
        from thriftune.recipe import Engine as Settings
        from thriftune.tasks.build import credentials
        from thriftune.tasks.query_dsl.engine import Engine

        settings = Settings(url=url)
        return from_server(Engine(url, credentials(settings), settings.timeout_seconds), index, most)
    mapping = mapping or _file("--mapping", "what GET /INDEX/_mapping prints", "without it no field is known")
    documents = documents or _file("--documents", "documents, one JSON object a line", _WHY_DOCUMENTS)
    return from_files(mapping, documents, index, most)


def _file(option: str, what: str, why: str) -> Path:
    given = _ask(option, f"File with {what}") if sys.stdin.isatty() else ""
    if not given:
        raise InputError(f"give {option}, a file with {what}: {why}")
    return Path(given)


def _ask(option: str, question: str) -> str:
    if not sys.stdin.isatty():
        raise InputError(f"give {option}: there is no terminal to ask")
    return str(typer.prompt(question, default="", show_default=False)).strip()
