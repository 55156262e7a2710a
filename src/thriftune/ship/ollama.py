"""The Ollama Modelfile: the prompt as a template, the instructions as the system text, greedy decoding, the stop word.

Ollama tokenises the rendered template in one go; a Modelfile is proved by rendering it here and doing the same. What is
not covered: Ollama itself, which was not run.
"""

import re
from pathlib import Path

from thriftune.errors import ExportError
from thriftune.ship.prompt import PromptFile

_SYSTEM, _PROMPT = "{{ .System }}", "{{ .Prompt }}"
_STEP = 1024  # tokens of context are rounded up to a multiple of this


def modelfile(gguf: str, file: PromptFile, instructions: str | None, prompt_tokens: int) -> str:
    """Return the text of a Modelfile for one collection.

    Args:
        gguf: name of the GGUF file beside it.
        instructions: the system text; None where the caller has to send one with each question.
        prompt_tokens: the longest prompt seen.

    Raises:
        ExportError: the prompt holds what a Modelfile cannot.
    """
    texts = file.texts
    template = f"{texts['before']}{_SYSTEM}{texts['between']}{_PROMPT}{texts['after']}{file.markers['label']}"
    refused = [part for part in (*texts.values(), *file.markers.values()) if "{{" in part]
    refused += [part for part in (template, instructions or "") if '"""' in part or part.endswith('"')]
    if refused:
        raise ExportError(f"a Modelfile cannot hold this part of the prompt: {refused[0][:60]!r}. Use --to gguf")
    context = -(-(prompt_tokens + file.max_new_tokens) // _STEP) * _STEP
    system = f'SYSTEM """{instructions}"""\n' if instructions is not None else ""
    return (
        f'FROM ./{gguf}\nTEMPLATE """{template}"""\n{system}PARAMETER stop "{file.stop}"\nPARAMETER temperature 0\n'
        f"PARAMETER repeat_penalty 1\nPARAMETER num_predict {file.max_new_tokens}\nPARAMETER num_ctx {context}\n"
    )


def name_of(collection: str, collections: int) -> str:
    """Return the file name of a collection's Modelfile."""
    return "Modelfile" if collections == 1 else f"Modelfile.{collection}"


def rendered(path: Path, system: str, question: str) -> str:
    """Return the text that a Modelfile's template makes of a question; `system` where the file has none of its own."""
    text = path.read_text(encoding="utf-8")
    template, own = _quoted(text, "TEMPLATE"), _quoted(text, "SYSTEM")
    if template is None:
        raise ExportError(f"{path} has no TEMPLATE")
    slots = {_SYSTEM: system if own is None else own, _PROMPT: question}
    return re.sub(r"\{\{ \.(System|Prompt) \}\}", lambda found: slots[found[0]], template)


def stop_of(path: Path) -> str:
    """Return the stop word of a Modelfile."""
    found = re.search(r'^PARAMETER stop "(.*)"$', path.read_text(encoding="utf-8"), re.M)
    return found[1] if found else ""


def _quoted(text: str, name: str) -> str | None:
    found = re.search(rf'^{name} """(.*?)"""$', text, re.M | re.S)
    return found[1] if found else None
