"""Checkpoints: one safetensors file with weights, optimizer state and random state, replaced atomically.

Resuming from one continues bit for bit. Only safetensors is read, so a checkpoint cannot run code.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from thriftune.errors import RunError

FILE = "checkpoint.safetensors"


def save(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Write the trainable weights, the optimizer's state, torch's random state and `state` (JSON).

    Raises:
        RunError: the disk is full or may not be written; an older checkpoint stays.
    """
    tensors = {f"weight:{name}": value.detach() for name, value in _trainable(model).items()}
    tensors["random:cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random:cuda"] = torch.cuda.get_rng_state()
    names = list(_trainable(model))
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"moment:{names[index]}:{key}": value for key, value in moments.items()}
    temporary = folder / f".{FILE}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        copies = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
        save_file(copies, temporary, metadata={"state": json.dumps(state)})
        os.replace(temporary, folder / FILE)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write a checkpoint to {folder}: {error}. Free space or choose --out") from error


def load(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore what `save` wrote; return its `state`, or None where there is no checkpoint."""
    path = folder / FILE
    if not path.exists():
        return None
    trainable = _trainable(model)
    places = {name: index for index, name in enumerate(trainable)}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        for key in names:
            kind, _, rest = key.partition(":")
            value = file.get_tensor(key)
            if kind == "weight":
                trainable[rest].data.copy_(value)
            elif kind == "moment":
                name, _, what = rest.rpartition(":")
                moments.setdefault(places[name], {})[what] = value
        torch.set_rng_state(file.get_tensor("random:cpu"))
        if torch.cuda.is_available() and "random:cuda" in names:
            torch.cuda.set_rng_state(file.get_tensor("random:cuda"))
        state: dict[str, Any] = json.loads(file.metadata()["state"])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return state


def remove(folder: Path) -> None:
    """Delete the checkpoint of a training that is done."""
    (folder / FILE).unlink(missing_ok=True)


def _trainable(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if value.requires_grad}
