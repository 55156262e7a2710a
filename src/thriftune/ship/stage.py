"""One export from start to end: write the folder, ask it in a fresh process, refuse what is not the trained model.

It is written beside its place and moved there when it is proved. What is refused is kept as `…-refused`. `parity.json`
in the export speaks of its own forms, the one in the run folder of all forms of this training.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from thriftune.errors import ExportError
from thriftune.progress import Progress
from thriftune.recipe import Recipe
from thriftune.report.parity import read as parity_of
from thriftune.runs import Run, write_json, write_text
from thriftune.ship import about, card, gguf, ollama, prompt
from thriftune.ship.merge import save_adapter, save_merged
from thriftune.ship.proof import Proof
from thriftune.students.load import Student, device_of, kind_of, load_tokenizer, precision_of
from thriftune.tasks.base import Task
from thriftune.version import VERSION

Form = Literal["adapter", "merged", "gguf", "ollama"]
PARITY = "parity.json"
_UNPROVED = "not measured: llama-cpp-python is not installed (pip install 'thriftune[gguf]')"


@dataclass(frozen=True)
class Source:
    """What is exported: a run with its recipe and its task; `trained` is the content id of the training."""

    run: Run
    recipe: Recipe
    task: Task
    trained: str
    scored: bool

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self.run.path("model")


def export(source: Source, form: Form, out: Path | None, progress: Progress, *, allow: bool = False) -> Path:
    """Export a trained model in one form, and return the folder.

    Args:
        out: the folder; `export/FORM` in the run folder by default.
        allow: keep also what is not the trained model, marked in card and `parity.json`.

    Raises:
        ExportError: the form does not fit the student, something is missing, or the export is not the trained model.
    """
    target = out or source.run.path("export", form)
    _refuse_other_folders(target)
    known = _about(source, form)
    _refuse_early(known, allow)
    with _partial(target) as folder:
        progress.say(f"writing {form}")
        proof = Proof(source.run, source.recipe, source.task, source.trained, progress)
        files = _write(source, form, known, proof, folder)
        forms = {name: _judged(proof, form, name, folder, file, allow) for name, file in files.items()}
        _write_papers(source, known, forms, proof, folder)
        passed = all(result["passed"] for result in forms.values())
        place = target if passed or allow else target.with_name(f"{target.name}-refused")
        _move(folder, place)
    if place != target:
        faults = "; ".join(f"{name}: {fault}" for name, result in forms.items() for fault in result["faults"])
        raise ExportError(
            f"this is not the trained model: {faults}. See {place}; --allow keeps it all the same, marked"
        )
    return target


def _about(source: Source, form: Form) -> about.About:
    recipe = source.recipe
    return about.About(
        name=recipe.name,
        version=VERSION,
        form=form,
        kind=kind_of(recipe.student.model, recipe.student.kind),
        precision=precision_of(recipe.train.precision, device_of()),
        student=recipe.student,
        train=recipe.train,
        trained=source.trained,
    )


def _refuse_early(known: about.About, allow: bool) -> None:
    """Say what is missing before minutes are spent."""
    if known.form in ("gguf", "ollama"):
        if known.kind == "seq2seq":
            raise ExportError("GGUF files are made of causal students here; this one is seq2seq. Use --to merged")
        gguf.converter()
        if not gguf.has_runtime() and not allow:
            raise gguf.missing_runtime()


def _refuse_other_folders(target: Path) -> None:
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not (target / about.FILE).exists()):
        raise ExportError(f"{target} is there and is no export; choose another --out")


def _write(source: Source, form: Form, known: about.About, proof: Proof, folder: Path) -> dict[str, str]:
    """Write weights, tokenizer and prompt; return the name of each form that is proved, with its file."""
    about.write(folder, known)
    tokenizer = load_tokenizer(str(source.model))
    renderer = Student(None, tokenizer, known.kind, device_of(), known.precision).renderer
    content = prompt.describe(renderer, known.kind, proof.prompts, source.recipe.evaluate.max_new_tokens)
    prompt.write(folder, content)
    if form == "adapter":
        save_adapter(source.model, source.recipe, folder)
        return {"adapter": ""}
    if form == "merged":
        save_merged(source.model, source.recipe, folder)
        return {"merged": ""}
    tokenizer.save_pretrained(folder)
    files = _convert(source, folder, ("f16", "q8_0") if form == "gguf" else ("q8_0",))
    if form == "gguf":
        return {f"gguf-{outtype}": file for outtype, file in files.items()}
    _write_modelfiles(folder, files["q8_0"], max(answer.prompt_tokens for answer in proof.trained.answers))
    return {"ollama": files["q8_0"]}


def _convert(source: Source, folder: Path, outtypes: Sequence[str]) -> dict[str, str]:
    script, merged = gguf.converter(), folder / ".merged"
    save_merged(source.model, source.recipe, merged)
    files = {outtype: f"{source.recipe.name}-{outtype}.gguf" for outtype in outtypes}
    for outtype, file in files.items():
        gguf.convert(script, merged, folder / file, outtype)
    shutil.rmtree(merged)
    return files


def _write_modelfiles(folder: Path, file: str, prompt_tokens: int) -> None:
    known = prompt.read(folder)
    for collection, instructions in known.instructions.items():
        text = ollama.modelfile(file, known, instructions, prompt_tokens)
        write_text(folder / ollama.name_of(collection, len(known.instructions)), text)


def _judged(proof: Proof, form: Form, name: str, folder: Path, file: str, allow: bool) -> dict[str, Any]:
    if form in ("gguf", "ollama") and not gguf.has_runtime():
        result: dict[str, Any] = {"faults": [_UNPROVED], "passed": False}
    else:
        result = proof.of(name, form, folder, file)
    return {**result, "allowed": allow and not result["passed"]}


def _write_papers(source: Source, known: about.About, forms: dict[str, Any], proof: Proof, folder: Path) -> None:
    content = {"trained": source.trained, "version": VERSION, "questions": len(proof.asked)}
    write_json(folder / PARITY, {**content, "forms": forms})
    known_prompt, example = prompt.read(folder), proof.asked[0]
    page = card.text(source.run, source.recipe, known, known_prompt, forms, example, source.scored)
    write_text(folder / "README.md", page)
    before = parity_of(source.run.path(PARITY), source.trained)
    write_json(source.run.path(PARITY), {**content, "forms": {**before, **forms}})


@contextmanager
def _partial(target: Path) -> Iterator[Path]:
    """A folder beside the target, gone when the export ends in whatever way."""
    folder = target.with_name(f".{target.name}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise ExportError(f"cannot write {folder}: {os.strerror(error.errno or 0)}. Choose another --out") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, place: Path) -> None:
    if place.exists():
        shutil.rmtree(place)
    os.replace(folder, place)
