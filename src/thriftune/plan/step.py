"""One optimizer step under the meter: the step of training, on a real or a fake student."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from thriftune.plan.fake import first_of, layers_of, quantisation_of
from thriftune.plan.meter import Meter
from thriftune.recipe import Train
from thriftune.students.load import Student
from thriftune.train.batches import Row
from thriftune.train.losses import packing
from thriftune.train.optimizers import optimizer_of
from thriftune.train.parallel import Computation
from thriftune.train.step import step


def metered(student: Student, micros: Sequence[list[Row]], settings: Train, warm_up: bool = False) -> Meter:
    """Run an optimizer step with the optimizer's state in place; return the meter with its segments.

    Args:
        micros: the micro-batches of the effective batch.
        warm_up: take a real first step on the first row; else the state is made by a step without a loss.
    """
    vocabulary = student.model.config.get_text_config().vocab_size
    widths = [vocabulary] if student.candidates is None else [vocabulary, *_candidates(student)]
    meter = Meter(widths)
    meter.watch([*student.model.parameters(), *student.model.buffers()], "parameters")
    meter.watch(quantisation_of(student.model), "quantisation")
    computation = Computation(student, settings)
    optimizer = optimizer_of(student, settings)
    with packing(student), meter, _hooks(student, optimizer, meter):
        if warm_up:
            step(computation, optimizer, micros[0][:1], [micros[0][:1]], 0.0, settings)
        else:
            _state(optimizer)
        meter.watch(_moments(optimizer), "optimizer")
        meter.restart()
        step(computation, optimizer, [row for rows in micros for row in rows], list(micros), 0.0, settings)
        meter.mark("end")
    return meter


def _candidates(student: Student) -> range:
    """A softmax over candidates has their number of columns and a random rest, from none to all of it."""
    from thriftune.train.vocabulary import REST

    assert student.candidates is not None
    return range(len(student.candidates), len(student.candidates) + REST + 1)


def _state(optimizer: torch.optim.Optimizer) -> None:
    """Make the optimizer's state as its first step does, with gradients of zeros."""
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for parameter in group["params"]:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    optimizer.zero_grad()


def _moments(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    values = itertools.chain.from_iterable(state.values() for state in optimizer.state.values())
    return [value for value in values if isinstance(value, torch.Tensor)]


@contextmanager
def _hooks(student: Student, optimizer: torch.optim.Optimizer, meter: Meter) -> Iterator[None]:
    """Marks behind every layer, forward and backward, and around the optimizer; gradients are told from the rest."""
    handles: list[Any] = [
        parameter.register_post_accumulate_grad_hook(lambda p: meter.watch([p.grad], "gradients"))
        for parameter in student.model.parameters()
        if parameter.requires_grad
    ]
    run = itertools.count()
    forward = _Forward(meter, run)
    handles.append(first_of(student).register_forward_pre_hook(forward.begin))
    for stack, layers in layers_of(student).items():
        for index, layer in enumerate(layers):
            handles.append(layer.register_forward_hook(forward.behind(f"{stack} {index}/{len(layers)}")))
    handles.append(optimizer.register_step_pre_hook(lambda *_: meter.mark("clip")))
    handles.append(optimizer.register_step_post_hook(lambda *_: meter.mark("optimizer")))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Forward:
    """The marks of one micro-batch after the other. What is made until the loss is done are activations."""

    def __init__(self, meter: Meter, run: Iterator[int]) -> None:
        self._meter, self._run, self._number, self._phase = meter, run, -1, ""

    def begin(self, *_: Any) -> None:
        """A micro-batch begins."""
        self._number = next(self._run)
        self._meter.mark("between")
        self._meter.phase = "activations"

    def behind(self, name: str) -> Any:
        """Return the hook of a layer."""

        def hook(module: Any, args: Any, output: Any) -> None:
            self._meter.mark(f"forward {name} of {min(self._number, 1)}")
            hidden = output[0] if isinstance(output, tuple) else output
            if hidden.requires_grad:
                hidden.register_hook(self._gradient(f"backward behind {name} of {min(self._number, 1)}"))

        return hook

    def _gradient(self, name: str) -> Any:
        def hook(gradient: torch.Tensor) -> None:
            self._meter.mark(name)
            self._meter.phase = "temporaries"

        return hook
