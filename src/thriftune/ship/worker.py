"""A fresh process that answers questions with what lies in a folder, and knows nothing else of the run.

    python -m thriftune.ship.worker SPEC.json

It loads the weights, the tokenizer and the prompt from the folder, so that a fault in any of them shows in its answers.
The trained model is asked the same way, with the prompt that training and evaluation used.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from thriftune.errors import UserError
from thriftune.files import content_id, read_records, write_records
from thriftune.prompts import LABEL_MARKER, Prompt, Renderer
from thriftune.recipe import Recipe
from thriftune.records import Record
from thriftune.ship import ollama, prompt
from thriftune.ship.about import read as about

Form = Literal["trained", "adapter", "merged", "gguf", "ollama"]


class Asked(Record):
    """A question with the prompt that the task makes of it."""

    id: str
    collection: str
    instructions: str
    question: str


class Answer(Record):
    """What was written for a question. `prompt_id` tells prompts apart by their token ids."""

    id: str
    text: str
    prompt_id: str
    prompt_tokens: int


class Spec(Record):
    """What to load, what to ask, and where to write.

    Attributes:
        file: for `gguf` and `ollama` the GGUF file in `folder`.
        recipe: for `trained` alone, as JSON data: how the model was trained.
    """

    form: Form
    folder: Path
    file: str = ""
    recipe: dict[str, object] | None = None
    questions: Path
    answers: Path
    batch: Annotated[int, Field(gt=0)]
    max_new_tokens: Annotated[int, Field(gt=0)]


def main(spec: Spec) -> None:
    """Answer the questions of a spec."""
    asked = read_records(spec.questions, Asked)
    answer: Callable[[Spec, list[Asked]], list[Answer]] = _gguf if spec.form in ("gguf", "ollama") else _student
    write_records(spec.answers, answer(spec, asked))


def _student(spec: Spec, asked: list[Asked]) -> list[Answer]:
    from thriftune.evaluate.generate import generate
    from thriftune.students.load import Student, load_for_generation
    from thriftune.students.reload import load_adapter, load_tuned

    def load() -> Student:
        if spec.form == "trained":
            return load_tuned(spec.folder, Recipe.model_validate(spec.recipe))
        known = about(spec.folder)
        if spec.form == "adapter":
            return load_adapter(spec.folder, known.student, known.train, merge=False)
        return load_for_generation(str(spec.folder), known.kind, known.precision)

    student = load()
    prompts = [Prompt(one.instructions, one.question) for one in asked]
    if spec.form != "trained":
        file = prompt.read(spec.folder)
        student.renderer = prompt.FileRenderer(student.tokenizer, file)
        prompts = [file.prompt(one.collection, given) for one, given in zip(asked, prompts, strict=True)]
    ids = [_ids(student.renderer, student.kind, given) for given in prompts]
    found = generate(student, prompts, batch=spec.batch, max_new_tokens=spec.max_new_tokens)
    return [_answer(one.id, text.text, given) for one, text, given in zip(asked, found, ids, strict=True)]


def _ids(renderer: Renderer, kind: str, given: Prompt) -> list[int]:
    if kind == "seq2seq":
        return list(renderer.source(LABEL_MARKER, given))
    pieces = renderer.pieces(given)
    return [*pieces.prefix, *pieces.question, *renderer.marker(LABEL_MARKER)]


def _gguf(spec: Spec, asked: list[Asked]) -> list[Answer]:
    from thriftune.ship.gguf import Gguf

    model, file = Gguf(spec.folder / spec.file), prompt.read(spec.folder)
    ids, stop = [], file.stop
    for one in asked:
        given = file.prompt(one.collection, Prompt(one.instructions, one.question))
        if spec.form == "gguf":
            ids.append(model.ids(file.parts(given, "label")))
            continue
        path = spec.folder / ollama.name_of(one.collection, len(file.instructions))
        stop = ollama.stop_of(path)
        ids.append(model.ids([ollama.rendered(path, one.instructions, one.question)], add_special=True))
    texts = model.answers(ids, spec.max_new_tokens, stop)
    return [_answer(one.id, text, given) for one, text, given in zip(asked, texts, ids, strict=True)]


def _answer(identity: str, text: str, ids: list[int]) -> Answer:
    return Answer(id=identity, text=text, prompt_id=content_id(ids), prompt_tokens=len(ids))


if __name__ == "__main__":
    try:
        main(Spec.model_validate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
    except UserError as error:
        sys.exit(str(error))
