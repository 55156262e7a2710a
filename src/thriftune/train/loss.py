"""The DSS loss of a micro-batch: `w·label loss + (1 − w)·rationale loss` (Hsieh et al. 2023, equation 3).

The weights of the tokens come with the micro-batch (see `batches`), so the loss of an effective batch is the plain sum
of the losses of its micro-batches, and label-only training is `w = 1` without rationale rows.
"""

from dataclasses import dataclass
from typing import Any

import torch

from thriftune.students.load import Student
from thriftune.train.batches import Pack, Pairs, Row, Scale, pack, pairs
from thriftune.train.cross_entropy import weighted_cross_entropy


@dataclass(frozen=True)
class Loss:
    """A micro-batch's share of the loss.

    Attributes:
        total: scalar tensor with gradient: the micro-batch's share of the weighted loss.
        label_sum, rationale_sum: summed cross-entropy in nats, without gradient.
    """

    total: torch.Tensor
    label_sum: float
    rationale_sum: float


def loss_of(student: Student, rows: list[Row], scale: Scale) -> Loss:
    """Run the student on one micro-batch and return its share of the loss."""
    with student.autocast():
        if student.kind == "seq2seq":
            batch = pairs(rows, scale, student.tokenizer.pad_token_id)
            each, weights, is_label = _seq2seq(student, batch)
        else:
            packed = pack(rows, scale)
            each, weights, is_label = _causal(student, packed)
    total = (each * weights).sum()
    flat = each.detach()
    return Loss(total, float(flat[is_label].sum()), float(flat[~is_label].sum()))


def _causal(student: Student, batch: Pack) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    device = student.device
    model = _unwrapped(student.model)
    hidden = model.get_decoder()(
        input_ids=batch.input_ids.to(device),
        position_ids=batch.position_ids.to(device),
        use_cache=False,
        layout=batch.layout,
    ).last_hidden_state[0]
    weights = batch.weights.to(device)
    chosen = hidden[batch.sources.to(device)]
    each = weighted_cross_entropy(chosen, model.get_output_embeddings(), batch.targets.to(device))
    return each, weights, batch.is_label.to(device)


def _seq2seq(student: Student, batch: Pairs) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    device = student.device
    labels = batch.labels.to(device)
    logits = student.model(
        input_ids=batch.input_ids.to(device), attention_mask=batch.attention_mask.to(device), labels=labels
    ).logits
    kept = labels != -100
    each = torch.nn.functional.cross_entropy(logits[kept].float(), labels[kept], reduction="none")
    spread = batch.weights.to(device)[:, None].expand_as(labels)[kept]
    return each, spread, batch.is_label.to(device)[:, None].expand_as(labels)[kept]


def _unwrapped(model: Any) -> Any:
    """Return the Hugging Face model under PEFT's wrapper; the adapters live inside its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
