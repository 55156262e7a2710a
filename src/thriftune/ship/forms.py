"""The files of each form: weights, tokenizer, prompt, and what the form has besides."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from thriftune.errors import ExportError
from thriftune.files import write_text
from thriftune.ship import about, gguf, ollama, prompt
from thriftune.ship.about import About
from thriftune.ship.merge import save_adapter, save_merged
from thriftune.ship.proof import Proof
from thriftune.ship.source import Source
from thriftune.students.load import Student, device_of, load_tokenizer


def refuse_early(known: About, allow: bool) -> None:
    """Say what is missing before minutes are spent.

    Raises:
        ExportError: the student's kind cannot take this form, or the converter is not there.
        MissingPackage: there is nothing to prove a GGUF file with.
    """
    if known.train.seq2seq_task == "decoder":
        raise ExportError("prompt.json cannot tell a decoder its task yet. Train with train.seq2seq_task: encoder")
    if known.form in ("gguf", "ollama"):
        if known.kind == "seq2seq":
            raise ExportError("GGUF files are made of causal students here; this one is seq2seq. Use --to merged")
        gguf.converter()
        if not gguf.has_runtime() and not allow:
            raise gguf.missing_runtime()


def write(source: Source, known: About, proof: Proof, folder: Path) -> dict[str, str]:
    """Write weights, tokenizer and prompt; return the name of each form that is proved, with its file."""
    form = known.form
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
