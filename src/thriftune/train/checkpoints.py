"""Checkpoints: one safetensors file with weights, optimizer state and random state, replaced atomically.

Resuming from one continues bit for bit. Only safetensors is read, so a checkpoint cannot run code.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.distributed.tensor import DTensor, distribute_tensor

from thriftune.errors import RunError
from thriftune.train import ranks
from thriftune.train.step import whole

FILE = "checkpoint.safetensors"


def save(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Write the trainable weights, the optimizer's state, each rank's random state and `state` (JSON).

    Every rank calls it; what they share is gathered, and rank 0 writes.

    Raises:
        RunError: the disk is full or may not be written; an older checkpoint stays.
    """
    tensors: dict[str, torch.Tensor] = {}
    written: set[int] = set()
    for name, value in _everything(model, optimizer):
        gathered = whole(value)
        if ranks.rank() == 0:
            tensor = gathered.cpu().contiguous()
            # 8-bit optimizers share their tables between parameters, which the format refuses
            tensors[name] = tensor.clone() if tensor.data_ptr() in written else tensor
            written.add(tensor.data_ptr())
    for number, states in enumerate(ranks.gather(_random())):
        tensors |= {_random_key(kind, number): value for kind, value in states.items()}
    if ranks.rank() == 0:
        _write(folder, tensors, {**state, "processes": ranks.count()})


def _write(folder: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    temporary = folder / f".{FILE}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, temporary, metadata={"state": json.dumps(state)})
        os.replace(temporary, folder / FILE)
    except (OSError, SafetensorError) as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"cannot write a checkpoint to {folder}: {error}. Free space or choose --out") from error


def load(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Restore what `save` wrote; return its `state`, or None where there is no checkpoint.

    Raises:
        RunError: another number of processes wrote it, so their random numbers are not there.
    """
    path = folder / FILE
    if not path.exists():
        return None
    trainable = _trainable(model)
    with safe_open(path, "pt") as file:
        state: dict[str, Any] = json.loads(file.metadata()["state"])
        if (processes := state.get("processes", 1)) != ranks.count():
            raise RunError(
                f"{path} was written by {processes} processes, this training has {ranks.count()}. "
                "Start as many, or delete it to begin anew"
            )
        names = sorted(file.keys())
        for key in names:  # in the same order on all ranks: sharing out is a common act
            kind, _, rest = key.partition(":")
            if kind == "weight":
                trainable[rest].data.copy_(_shared(file.get_tensor(key), trainable[rest]))
            elif kind in ("moment", "number"):
                name, _, what = rest.rpartition(":")
                value = _shared(file.get_tensor(key), trainable[name])
                optimizer.state[trainable[name]][what] = value if kind == "moment" else int(value)
        own = {kind: _random_key(kind, ranks.rank()) for kind in _random()}
        _set_random({kind: file.get_tensor(key) for kind, key in own.items() if key in names})
    return state


def _everything(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield weights, and the optimizer's state by the name of its parameter (8-bit optimizers count in integers)."""
    for name, parameter in _trainable(model).items():
        yield f"weight:{name}", parameter.detach()
        for key, value in optimizer.state[parameter].items():
            if isinstance(value, torch.Tensor):
                yield f"moment:{name}:{key}", value.detach()
            else:
                yield f"number:{name}:{key}", torch.tensor(value)


def _shared(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """Return a restored tensor on the parameter's device; of one that is shared out (FSDP2), this rank's share."""
    value = value.to(parameter.device)
    if not isinstance(parameter, DTensor) or value.shape != parameter.shape:
        return value
    return distribute_tensor(value, parameter.device_mesh, parameter.placements)


def _random() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    return states | {"cuda": torch.cuda.get_rng_state()} if torch.cuda.is_available() else states


def _random_key(kind: str, rank: int) -> str:
    return f"random:{kind}:{rank}" if rank else f"random:{kind}"


def _set_random(states: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"])


def remove(folder: Path) -> None:
    """Delete the checkpoint of a training that is done."""
    (folder / FILE).unlink(missing_ok=True)


def _trainable(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    return {name: value for name, value in model.named_parameters() if value.requires_grad}
