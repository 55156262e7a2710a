"""The DSS loss of a micro-batch: `w·label loss + (1 − w)·rationale loss` (Hsieh et al. 2023, equation 3).

The weights of the tokens come with the micro-batch (see `batches`), so the loss of an effective batch is the plain sum
of the losses of its micro-batches, and label-only training is `w = 1` without rationale rows.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput

from thriftune.errors import StudentError
from thriftune.students.load import Student
from thriftune.train.batches import IGNORED, Pack, Pairs, Row, Scale, pack, pairs
from thriftune.train.cross_entropy import weighted_cross_entropy
from thriftune.train.vocabulary import with_rest


@dataclass(frozen=True)
class Loss:
    """A micro-batch's share of the loss.

    Attributes:
        total: scalar tensor with gradient: the micro-batch's share of the weighted loss.
        each: fp32 `[M]`, the cross-entropy of each supervised token in nats, without gradient.
        is_label: bool `[M]`. rows: int64 `[M]`, which row of the micro-batch a token belongs to.
    """

    total: torch.Tensor
    each: torch.Tensor
    is_label: torch.Tensor
    rows: torch.Tensor

    @property
    def label_sum(self) -> float:
        """Summed cross-entropy of the labels, in nats."""
        return float(self.each[self.is_label].sum())

    @property
    def rationale_sum(self) -> float:
        """Summed cross-entropy of the rationales, in nats."""
        return float(self.each[~self.is_label].sum())

    def by_row(self, count: int) -> tuple[list[float], list[float]]:
        """Return the summed cross-entropy of labels and of rationales for each of `count` rows."""
        sums = []
        for chosen in (self.is_label, ~self.is_label):
            zeros = torch.zeros(count, dtype=self.each.dtype, device=self.each.device)
            sums.append(zeros.index_add(0, self.rows[chosen], self.each[chosen]).tolist())
        return sums[0], sums[1]


def loss_of(student: Student, rows: list[Row], scale: Scale) -> Loss:
    """Run the student on one micro-batch and return its share of the loss."""
    with student.autocast():
        if student.kind == "seq2seq":
            return _seq2seq(student, pairs(rows, scale, student.tokenizer.pad_token_id))
        return _causal(student, pack(rows, scale))


def _causal(student: Student, batch: Pack) -> Loss:
    device = student.device
    model = unwrapped(student.model)
    hidden = model.get_decoder()(
        input_ids=batch.input_ids.to(device),
        position_ids=batch.position_ids.to(device),
        use_cache=False,
        layout=batch.layout,
    ).last_hidden_state[0]
    if len(batch.layout.calls) < model.config.get_text_config().num_hidden_layers:
        raise StudentError(f"{type(model).__name__} does not attend by what it is given, so it cannot be packed")
    chosen = hidden[batch.sources.to(device)]
    dtype = torch.bfloat16 if student.precision == "bf16" else hidden.dtype
    table, targets, weights = model.get_output_embeddings().weight, batch.targets.to(device), batch.weights.to(device)
    if student.candidates is not None and torch.is_grad_enabled():
        kept = with_rest(student.candidates, len(table))
        table, targets = table[kept], torch.searchsorted(kept, targets)
    total, each = weighted_cross_entropy(chosen, table, targets, weights, dtype)
    return Loss(total, each, batch.is_label.to(device), batch.rows.to(device))


def _seq2seq(student: Student, batch: Pairs) -> Loss:
    device = student.device
    labels, source_of, mask = (values.to(device) for values in (batch.labels, batch.source_of, batch.attention_mask))
    model = unwrapped(student.model)
    read = model.get_encoder()(input_ids=batch.input_ids.to(device), attention_mask=mask).last_hidden_state
    given = torch.full_like(labels, model.config.decoder_start_token_id)
    given[:, 1:] = batch.targets.to(device)[:, :-1]
    logits = model(
        encoder_outputs=BaseModelOutput(last_hidden_state=read[source_of]),
        attention_mask=mask[source_of],
        decoder_input_ids=given,
        use_cache=False,
    ).logits
    kept = labels != IGNORED
    each = torch.nn.functional.cross_entropy(logits[kept].float(), labels[kept], reduction="none")
    weights, is_label, rows = (
        values.to(device)[:, None].expand_as(labels)[kept] for values in (batch.weights, batch.is_label, batch.rows)
    )
    return Loss((each * weights).sum(), each.detach(), is_label, rows)


def unwrapped(model: Any) -> Any:
    """Return the Hugging Face model under PEFT's wrapper; the adapters live inside its layers."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
