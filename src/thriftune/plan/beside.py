"""What a process holds beside its tensors: fitted to measurements, where the tensors themselves are simulated.

On a CPU freed blocks leave holes in the heap that are not used again (docs/decisions/memory.md), and products pack
their factors. Both grow with the output layer, by far the widest of a small student, and with what layers keep for the
backward pass. The shares are fitted to `benchmarks/results/memory.json`; docs/plan.md tells how far they are off there
and in cases that they were not fitted to.
"""

from collections.abc import Sequence
from typing import Any, Literal

from thriftune.train.batches import Row

SHARE = 0.10  # of the tensors: on a GPU, where nothing was measured, and in evaluations
_FLOAT = 4  # bytes; logits are fp32
_LOGITS, _OUTPUT, _ACTIVATIONS = 2.2, 2.75, 0.14


def beside(
    config: Any,
    micro: Sequence[Row],
    candidates: int | None,
    kinds: dict[str, int],
    kernels: Literal["cpu", "cuda"],
) -> int:
    """Return the bytes that training takes beside tensors.

    Args:
        config: of the student. micro: the heaviest micro-batch. candidates: columns of the softmax; None for the whole
            vocabulary.
        kinds: bytes of tensors at the peak. kernels: of the device.
    """
    if kernels == "cuda":
        return round(SHARE * sum(kinds.values()))
    text = config.get_text_config()
    logits = sum(len(row.label) + len(row.rationale) for row in micro) * (candidates or text.vocab_size) * _FLOAT
    output = text.vocab_size * text.hidden_size * _FLOAT
    taken: float = _LOGITS * logits + _OUTPUT * output + _ACTIVATIONS * kinds.get("activations", 0)
    return round(taken)
