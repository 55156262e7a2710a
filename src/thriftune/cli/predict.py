"""The command `predict`."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from thriftune.cli.app import Json, app
from thriftune.errors import InputError

if TYPE_CHECKING:
    from thriftune.ship.predict import Answer

_AT_ONCE = 64  # questions of standard input answered together

RunFolder = Annotated[Path, typer.Argument(help="The run folder.", metavar="RUN")]


@app.command()
def predict(
    run: RunFolder,
    questions: Annotated[list[str] | None, typer.Argument(help="Without any, JSONL from standard input.")] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", help="What is asked, where the task has several.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Write the reason too.")] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Run the answer under the limits, show what it finds.")
    ] = False,
    most: Annotated[int, typer.Option("--most", min=0, help="Hits or rows to show.")] = 10,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Store the questions in RUN/wrong.jsonl for the next teaching.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Answer questions with a trained student.

    From standard input: a line is a JSON string, or an object with `question` and perhaps `collection`; each gets a
    line of JSON on standard output.

    Example: thriftune predict runs/films-demo "horror films since 2000" --execute
    """
    from thriftune.ship.predict import load
    from thriftune.ship.wrong import note_wrong

    asked = iter([(text, collection) for text in questions]) if questions else _lines(collection)
    with load(run) as predictor:
        while some := [predictor.question(text, named) for text, named in islice(asked, _AT_ONCE)]:
            for answer in predictor.answer(some, explain=explain, execute=execute, most=most):
                print(_line(answer) if as_json or not questions else shown(answer), flush=True)
                if wrong:
                    note_wrong(run, answer.collection, answer.question)


def _line(answer: "Answer") -> str:
    from thriftune.records import dump

    return json.dumps(dump(answer), ensure_ascii=False)


def _lines(collection: str | None) -> Iterator[tuple[str, str | None]]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        if line.strip():
            yield _asked(line, number, collection)


def _asked(line: bytes, number: int, collection: str | None) -> tuple[str, str | None]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"standard input:{number}: not JSON; a line is a string or an object") from error
    if isinstance(value, dict):
        collection = value.get("collection", collection)
        value = value.get("question")
    if not isinstance(value, str) or not isinstance(collection, str | None):
        raise InputError(f'standard input:{number}: a line is "a question", or {{"question": …, "collection": …}}')
    return value, collection


def shown(answer: "Answer") -> str:
    """Return an answer for people to read."""
    lines = [answer.text + (" … (cut off)" if answer.cut_off else "")]
    if answer.rationale:
        lines.append(f"why: {answer.rationale}")
    if answer.found is not None:
        found = answer.found
        lines.append(f"{found['fault']}: {found['detail']}" if found["fault"] else f"found: {found['total']}")
        lines += [json.dumps(row, ensure_ascii=False) for row in found["rows"]]
        lines += [json.dumps(found["figures"], ensure_ascii=False)] if found["figures"] else []
    return "\n".join(lines)
