"""How much memory there is to train in: this machine's, a GPU's from a table, or what the user says."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from thriftune.errors import InputError

GB = 10**9
_MIB = 2**20
# Memory and compute capability as in NVIDIA's data sheets and its list of CUDA GPUs; bf16 needs capability 8.0.
# Of "24 GB" cards slightly less is usable: the context below is taken off.
_GPUS: dict[str, tuple[str, int, bool]] = {
    "t4": ("T4, 16 GB", 16 * GB, False),
    "v100": ("V100, 16 GB", 16 * GB, False),
    "3090": ("GeForce RTX 3090, 24 GB", 24 * GB, True),
    "4090": ("GeForce RTX 4090, 24 GB", 24 * GB, True),
    "a10": ("A10, 24 GB", 24 * GB, True),
    "l4": ("L4, 24 GB", 24 * GB, True),
    "a100-40": ("A100, 40 GB", 40 * GB, True),
    "l40s": ("L40S, 48 GB", 48 * GB, True),
    "a100": ("A100, 80 GB", 80 * GB, True),
    "h100": ("H100, 80 GB", 80 * GB, True),
}
# CUDA's context with PyTorch's kernels, and cuBLAS's workspace (torch.backends.cuda: 8 MiB and more). An estimate:
# nothing here was measured on a GPU.
_CONTEXT = 600 * _MIB


@dataclass(frozen=True)
class Device:
    """Where the student is to be trained.

    Attributes:
        name: for the reader. bytes: what is there for training. fixed: what the device itself takes of it.
        kind: `cpu` or `cuda`, which attend by different kernels. bf16: it multiplies bf16 natively.
    """

    name: str
    bytes: int
    kind: Literal["cpu", "cuda"]
    bf16: bool
    fixed: int = 0

    def precision(self, wanted: str) -> Literal["fp32", "bf16"]:
        """Resolve the recipe's `train.precision` for this device."""
        if wanted in ("fp32", "bf16"):
            return wanted  # type: ignore[return-value]
        return "bf16" if self.bf16 else "fp32"


def gpu(name: str) -> Device:
    """Return a GPU of the table.

    Raises:
        InputError: it is not in the table.
    """
    key = name.lower().replace("rtx", "").replace(" ", "").removeprefix("-")
    if key not in _GPUS:
        raise InputError(f"--gpu {name}: known are {', '.join(_GPUS)}. For any other give --memory, such as 24GB")
    shown, size, bf16 = _GPUS[key]
    return Device(shown, size, "cuda", bf16, _CONTEXT)


def this_machine(memory: int | None = None) -> Device:
    """Return this machine's device; with `memory` as if it had so many bytes.

    Raises:
        InputError: how much is free is not known here.
    """
    if torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        # what is free is already without the context, which this process has by now
        given = (memory, _CONTEXT) if memory else (free, 0)
        return Device(torch.cuda.get_device_name(), given[0], "cuda", bf16, given[1])
    bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return Device("the CPU of this machine", memory or available_bytes(), "cpu", bf16)


def available_bytes(root: Path = Path("/")) -> int:
    """Return the bytes of main memory that this process may still take: what is free, within its control group's limit.

    Raises:
        InputError: the system does not say.
    """
    try:
        text = (root / "proc/meminfo").read_text()
    except OSError as error:
        raise InputError("how much memory is free is not known on this system; give --memory, such as 16GB") from error
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    if not found:
        raise InputError("how much memory is free is not known on this system; give --memory, such as 16GB")
    return min([int(found[1]) * 1024, *_group_limits(root)])


def _group_limits(root: Path) -> list[int]:
    """What the control groups of version 2 and 1 leave; caches of files that can be given back count as free."""
    groups = (
        ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    )
    left = []
    for folder, limit, usage, cache in groups:
        try:
            most = int((root / folder / limit).read_text())  # version 2 writes "max" where there is no limit
            used = int((root / folder / usage).read_text())
            found = re.search(rf"^{cache} (\d+)$", (root / folder / "memory.stat").read_text(), re.M)
        except (OSError, ValueError):
            continue
        left.append(most - used + (int(found[1]) if found else 0))
    return left
