"""GGUF files: made by llama.cpp's own script, answered by llama-cpp-python.

The script is no package: it lies in llama.cpp's sources, whose folder `LLAMA_CPP_DIR` names. It knows the tokenizers
of published models by a hash and refuses home-made ones.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from thriftune.errors import ExportError, MissingPackage

SCRIPT = "convert_hf_to_gguf.py"
_MEND = (
    "Get llama.cpp's sources and name their folder: pip download --no-deps --no-binary llama-cpp-python "
    "llama-cpp-python && tar xzf llama_cpp_python-*.tar.gz && "
    "export LLAMA_CPP_DIR=$(echo $PWD/llama_cpp_python-*/vendor/llama.cpp)"
)


def converter() -> Path:
    """Return the path of llama.cpp's converter.

    Raises:
        ExportError: `LLAMA_CPP_DIR` is not set, or the script is not there.
    """
    folder = os.environ.get("LLAMA_CPP_DIR", "")
    if not folder:
        raise ExportError(f"GGUF files are made by llama.cpp's {SCRIPT}, and LLAMA_CPP_DIR is not set. {_MEND}")
    script = Path(folder, SCRIPT)
    if not script.is_file():
        raise ExportError(f"LLAMA_CPP_DIR is {folder}, where no {SCRIPT} lies. {_MEND}")
    return script


def has_runtime() -> bool:
    """Tell whether llama-cpp-python is installed, without loading it."""
    return importlib.util.find_spec("llama_cpp") is not None


def missing_runtime() -> MissingPackage:
    """Return the error for a missing llama-cpp-python."""
    return MissingPackage("thriftune[gguf]", "a GGUF file is proved with llama-cpp-python (which compiles llama.cpp)")


def convert(script: Path, merged: Path, target: Path, outtype: str) -> None:
    """Convert a merged model folder to a GGUF file of `outtype` (`f16`, `q8_0`).

    Raises:
        ExportError: the script refuses the model; the message has its last line.
    """
    command = [sys.executable, str(script), str(merged), "--outfile", str(target), "--outtype", outtype]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not target.is_file():
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        why = said[-1] if said else f"exit code {done.returncode}"
        raise ExportError(
            f"{script} cannot convert this model: {why} It knows published tokenizers only and needs "
            "sentencepiece and protobuf (pip install 'thriftune[gguf]'); use --to merged for any other model"
        )


class Gguf:
    """A GGUF file that answers greedily, one prompt after the other; a prefix in common is computed once."""

    def __init__(self, path: Path) -> None:
        if not has_runtime():
            raise missing_runtime()
        self._path = path
        self._vocabulary = self._load(vocab_only=True)

    def _load(self, **options: Any) -> Any:
        from llama_cpp import Llama

        return Llama(str(self._path), verbose=False, n_threads=os.cpu_count(), **options)

    def ids(self, parts: Sequence[str], *, add_special: bool = False) -> list[int]:
        """Return the token ids of texts that are tokenised apart; `add_special` as the file says of itself."""
        tokenize = self._vocabulary.tokenize
        found = [tokenize(part.encode(), add_bos=add_special, special=True) for part in parts if part]
        return [int(token) for ids in found for token in ids]

    def answers(self, prompts: Sequence[Sequence[int]], max_new_tokens: int, stop: str) -> list[str]:
        """Return what follows each prompt, up to the end of text or the stop word."""
        room = max(map(len, prompts)) + max_new_tokens
        model = self._load(n_ctx=room)
        found = []
        for prompt in prompts:
            ids: list[int] = []
            for token in model.generate(list(prompt), temp=0.0, repeat_penalty=1.0):
                if token == model.token_eos() or len(ids) == max_new_tokens:
                    break
                ids.append(int(token))
            text = model.detokenize(ids).decode("utf-8", errors="replace")
            found.append(text.partition(stop)[0].strip())
        return found
