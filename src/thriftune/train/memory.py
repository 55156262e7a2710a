"""How much memory the process holds, and how to keep what it was given."""

import ctypes
import re
from contextlib import suppress
from pathlib import Path

import torch

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3


def reset_peak(device: torch.device) -> None:
    """Begin to measure the peak anew; on Linux freed memory is given back first."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak resident set


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak bytes since `reset_peak`: allocated on the GPU, else resident; None where it is not known."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def keep_memory() -> bool:
    """Tell glibc to keep freed memory: a training step asks for the same again, and first touch is slow.

    Returns whether it could be done (only on glibc).
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, (1 << 31) - 1), (_M_TOP_PAD, 64 << 20))
    return all([mallopt(key, value) == 1 for key, value in settings])  # a list: each is set, also after a refusal
