"""Peak bytes of the evaluation: the student is loaded back, merged, and answers a batch of questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from thriftune.plan.depth import SHALLOW, extrapolated
from thriftune.plan.fake import depth_of, kind_of_config, make_model, with_depth, without_values
from thriftune.plan.meter import Meter
from thriftune.recipe import Evaluate
from thriftune.students.decode import Cache, forward, read_prefix
from thriftune.train.batches import Row


@dataclass(frozen=True)
class Evaluation:
    """Peak bytes of tensors: `answering` a batch of questions; the whole student in `fp32`, to merge adapters into."""

    answering: int
    fp32: int

    def bytes(self, modality: str, kind: Literal["cpu", "cuda"]) -> int:
        """Return the peak on a device while the tuned student is loaded and while it answers.

        QLoRA's base is unpacked on the device, so its evaluation can ask for more than its training. LoRA's base is in
        main memory until it is merged and narrowed.
        """
        on_device = modality == "qlora" or (modality == "lora" and kind == "cpu")
        return max(self.answering, self.fp32) if on_device else self.answering


def evaluated(config: Any, evaluate: Evaluate, rows: Sequence[Row], precision: str) -> Evaluation:
    """Simulate how a batch of the longest questions is answered with as many tokens as may be written."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    depth, shallow = depth_of(config), SHALLOW[kind_of_config(config)]
    asked = longest(rows, evaluate)

    def run(some: Any) -> Meter:
        return _answers(some, dtype, asked, evaluate.max_new_tokens)

    if depth is None or depth <= max(shallow):
        peak = run(config).peak
    else:
        peak = extrapolated({layers: run(with_depth(config, layers)).segments for layers in shallow}, depth)
    return Evaluation(peak.total, peak.bytes["parameters"] * 4 // dtype.itemsize)


def longest(rows: Sequence[Row], evaluate: Evaluate) -> list[Row]:
    """Return a batch of the longest questions."""
    return sorted(rows, key=lambda row: len(row.question))[-evaluate.batch :]


def _answers(config: Any, dtype: torch.dtype, rows: Sequence[Row], max_new_tokens: int) -> Meter:
    causal, model = kind_of_config(config) == "causal", make_model(config, dtype)
    meter = Meter([config.get_text_config().vocab_size])
    with without_values(model.eval()):
        meter.watch([*model.parameters(), *model.buffers()], "parameters")
        meter.restart()
        with meter, torch.no_grad(), meter.making("activations"):
            (_decode if causal else _seq2seq)(model, meter, rows, max_new_tokens)
    return meter


def _decode(model: Any, meter: Meter, rows: Sequence[Row], max_new_tokens: int) -> None:
    """The prefix, the prompts behind it, and the last token: the moments of `students.decode`."""
    width = max(len(row.question) + row.label_marker for row in rows)
    prefix = read_prefix(model, rows[0].prefix)
    meter.mark("prefix")
    room, ids = width + max_new_tokens, torch.zeros(len(rows), width, dtype=torch.long)
    cache = Cache(prefix, room, torch.zeros(len(rows), room, dtype=model.dtype))
    forward(model, ids, torch.zeros_like(ids), cache)
    meter.mark("prompts")
    cache.length = room - 1
    forward(model, ids[:, :1], torch.zeros_like(ids[:, :1]), cache)
    meter.mark("last token")


def _seq2seq(model: Any, meter: Meter, rows: Sequence[Row], max_new_tokens: int) -> None:
    """The encoder, and all tokens of the decoder at once with its cache: a little more than one after the other."""
    width = max(len(row.question) for row in rows)
    read = model.get_encoder()(input_ids=torch.zeros(len(rows), width, dtype=torch.long)).last_hidden_state
    meter.mark("encoder")
    written = torch.zeros(len(rows), max_new_tokens, dtype=torch.long)
    found = model.get_decoder()(input_ids=written, encoder_hidden_states=read, use_cache=True)
    model.get_output_embeddings()(found.last_hidden_state[:, -1])
    meter.mark("decoder")
