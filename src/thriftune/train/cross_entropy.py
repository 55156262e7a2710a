"""Cross-entropy at chosen positions only."""

from typing import Any

import torch


def weighted_cross_entropy(hidden: torch.Tensor, head: Any, targets: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy in nats, fp32 `[M]`, of hidden states `[M, D]` through the output layer."""
    return torch.nn.functional.cross_entropy(head(hidden).float(), targets, reduction="none")
