"""One export from start to end: write the folder, ask it in a fresh process, refuse what is not the trained model.

It is written beside its place and moved there when it is proved. What is refused is kept as `…-refused`. `parity.json`
in the export speaks of its own forms, the one in the run folder of all forms of this training.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thriftune.errors import ExportError
from thriftune.files import write_json, write_text
from thriftune.progress import Progress
from thriftune.report.parity import read as parity_of
from thriftune.ship import about, card, gguf, prompt
from thriftune.ship.forms import refuse_early, write
from thriftune.ship.proof import Proof
from thriftune.ship.source import Form, Source
from thriftune.version import VERSION

PARITY = "parity.json"
_UNPROVED = "not measured: llama-cpp-python is not installed (pip install 'thriftune[gguf]')"


def export(source: Source, form: Form, out: Path | None, progress: Progress, *, allow: bool = False) -> Path:
    """Export a trained model in one form, and return the folder.

    Args:
        out: the folder; `export/FORM` in the run folder by default.
        allow: keep also what is not the trained model, marked in card and `parity.json`.

    Raises:
        ExportError: the form does not fit the student, something is missing, or the export is not the trained model.
    """
    target = out or source.run.path("export", form)
    refused = target.with_name(f"{target.name}-refused")
    _refuse_other_folders(target, refused)
    known = source.about(form)
    refuse_early(known, allow)
    with _partial(target) as folder:
        progress.say(f"writing {form}")
        proof = Proof(source.run, source.recipe, source.task, source.trained, progress)
        files = write(source, known, proof, folder)
        forms = {name: _judged(proof, form, name, folder, file, allow) for name, file in files.items()}
        _write_papers(source, known, forms, proof, folder)
        passed = all(result["passed"] for result in forms.values())
        place = target if passed or allow else refused
        _move(folder, place)
    if place == refused:
        faults = "; ".join(f"{name}: {fault}" for name, result in forms.items() for fault in result["faults"])
        raise ExportError(
            f"this is not the trained model: {faults}. See {place}; --allow keeps it all the same, marked"
        )
    return target


def _refuse_other_folders(*places: Path) -> None:
    for place in places:
        if place.is_file() or (place.is_dir() and any(place.iterdir()) and not (place / about.FILE).exists()):
            raise ExportError(f"{place} is there and is no export; choose another --out")


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
    alike = {name: form for name, form in before.items() if form.get("labels", {}).get("n") == len(proof.asked)}
    write_json(source.run.path(PARITY), {**content, "forms": {**alike, **forms}})


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
