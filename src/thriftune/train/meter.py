"""The meter: how fast a training goes, how near to what the machine can do, and what it holds in memory.

*share of the GEMM ceiling* is the step's model FLOPs (`flops`) a second, over what the largest matrix products reach
here in the precision of computation. The ceiling is measured when the training starts, on all ranks at once.
"""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from thriftune.recipe import Train
from thriftune.students.load import Student
from thriftune.train import ranks
from thriftune.train.batches import Row, size_of
from thriftune.train.flops import costs_of, flops_of
from thriftune.train.held import Held


def gemm_ceiling(device: torch.device, dtype: torch.dtype, repeats: int = 5) -> float:
    """Return the FLOPs a second of a large square matrix product: the best of `repeats`, after a warm-up."""
    size = 8192 if device.type == "cuda" else 1536
    own = torch.Generator(device)  # training's random numbers stay as they are
    left, right = (torch.randn(size, size, device=device, generator=own).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        torch.matmul(left, right)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - started)
    return 2 * size**3 / min(seconds[1:])


class Meter:
    """Measures the steps of one training."""

    def __init__(self, student: Student, settings: Train, optimizer: torch.optim.Optimizer) -> None:
        self._student, self._optimizer = student, optimizer
        self._costs = costs_of(student)
        dtype = torch.bfloat16 if student.precision == "bf16" else torch.float32
        self.ceiling = ranks.total([gemm_ceiling(student.device, dtype)])[0]
        # what is shared is allocated where no operation tells of it: a missing figure is missing
        self._follows = not (settings.parallel == "fsdp" and ranks.count() > 1)
        self._largest, self._watched = 0, 0

    def watch(self, micro: Sequence[Sequence[Row]]) -> AbstractContextManager[Held | None]:
        """Return the context of one step, which follows its memory where a new peak can be expected.

        That is in the first two steps (the optimizer's state is made in the first) and where a micro-batch is larger
        than those before: following costs some microseconds an operation.
        """
        largest = max(size_of(rows, self._student.kind == "seq2seq") for rows in micro)
        if not self._follows or (self._watched >= 2 and largest <= self._largest):
            return nullcontext()
        self._largest, self._watched = max(self._largest, largest), self._watched + 1
        return Held(self._student.model, self._optimizer)

    def speed(self, micro: Sequence[Sequence[Row]], record: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the rates of one step.

        Args:
            micro: the micro-batches of all ranks. record: with `tokens` (supervised) and `examples`.
        """
        flops = sum(flops_of(self._costs, rows, self._student.kind) for rows in micro if rows)
        return {
            "tokens_per_second": round(record["tokens"] / seconds, 2),
            "examples_per_second": round(record["examples"] / seconds, 3),
            "flops": flops,
            "gemm_share": round(flops / seconds / self.ceiling, 4),
        }

    def figures(self, records: Sequence[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """Return the figures of a whole training from the records of its steps and its seconds without validation."""
        sums = {key: sum(record[key] for record in records) for key in ("tokens", "examples")}
        rates = {
            "tokens_per_second": round(sums["tokens"] / seconds, 1),
            "examples_per_second": round(sums["examples"] / seconds, 3),
        }
        if all("flops" in record for record in records):  # a training begun by an older version has none
            flops = sum(record["flops"] for record in records)
            rates |= {"model_flops": flops, "gemm_flops_per_second": round(self.ceiling)}
            rates |= {"gemm_share": round(flops / seconds / self.ceiling, 4)}
        held = [record["bytes"] for record in records if "bytes" in record]
        return rates | ({"peak_bytes_by_kind": max(held, key=lambda kinds: sum(kinds.values()))} if held else {})
