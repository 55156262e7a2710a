"""Greedy decoding behind a shared prefix: its keys and values are kept once, not once a row.

Every row attends to the prefix by one product for the whole batch, and to its own few tokens by another; the softmax
runs over both. Equal to decoding each row alone behind the whole prompt, up to the order of floating-point sums. Rows
that have ended leave the batch. Tokens that a grammar forces are read several at once.

Not covered, as in `train.tree`: attention that is not plain softmax over all earlier tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from thriftune.students.writers import Row, Writer

NAME = "thriftune_shared_prefix"
_AT_ONCE = 48  # tokens of all rows in a step: about as many cost little more than one, for the weights are read anyway


@dataclass
class Cache:
    """Keys and values of a batch, by layer.

    Attributes:
        prefix: for each layer keys and values `[G, P, D]`; empty while the prefix itself is read.
        own: for each layer keys and values `[B, G, room, D]`, of which the first `length` places are filled.
        hidden: additive mask of the dtype of computation `[B, room]`, `-inf` at padding.
    """

    prefix: list[tuple[torch.Tensor, torch.Tensor]]
    room: int
    hidden: torch.Tensor
    own: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)
    length: int = 0

    def extend(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new keys and values `[B, G, T, D]`; return all so far."""
        if layer == len(self.own):
            shape = (*key.shape[:2], self.room, key.shape[3])
            self.own.append((key.new_zeros(shape), value.new_zeros(shape)))
        new = slice(self.length, self.length + key.shape[2])
        for buffer, part in zip(self.own[layer], (key, value), strict=True):
            buffer[:, :, new] = part
        return self.own[layer][0][:, :, : new.stop], self.own[layer][1][:, :, : new.stop]

    def make_room(self, pads: torch.Tensor, new: int) -> None:
        """Make room for `new` tokens a row, of which the first `pads` `[B]` are padding."""
        if self.length + new > self.room:
            more = max(new, self.room // 2)
            self.hidden = torch.nn.functional.pad(self.hidden, (0, more))
            self.own = [tuple(_longer(part, more) for part in pair) for pair in self.own]  # type: ignore[misc]
            self.room += more
        here = torch.arange(new, device=pads.device)[None] < pads[:, None]
        self.hidden[:, self.length : self.length + new].masked_fill_(here, float("-inf"))

    def keep(self, rows: torch.Tensor) -> None:
        """Drop all rows but these."""
        self.own = [(keys[rows], values[rows]) for keys, values in self.own]
        self.hidden = self.hidden[rows]


def _longer(part: torch.Tensor, more: int) -> torch.Tensor:
    return torch.nn.functional.pad(part, (0, 0, 0, more))


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    cache: Cache | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of new tokens to prefix and own tokens, in the form of a transformers attention function.

    Args:
        query: `[B, H, T, D]`; key, value: `[B, G, T, D]`, of the new tokens alone.
    """
    assert cache is not None
    batch, heads, new, width = query.shape
    groups = key.shape[1]
    keys, values = cache.extend(module.layer_idx, key, value)
    q = (query * (scaling or width**-0.5)).reshape(batch, groups, heads // groups * new, width)
    scores = q @ keys.transpose(2, 3) + _mask(cache, new, heads // groups)
    if not cache.prefix:
        out = scores.softmax(-1) @ values
    else:
        shared_keys, shared_values = cache.prefix[module.layer_idx]
        flat = q.transpose(0, 1).reshape(groups, -1, width)  # every row's queries meet the prefix in one product
        before = (flat @ shared_keys.transpose(1, 2)).reshape(groups, batch, -1, shared_keys.shape[1]).transpose(0, 1)
        weights = torch.cat([before, scores], dim=-1).softmax(-1)
        split = shared_keys.shape[1]
        first = weights[..., :split].transpose(0, 1).reshape(groups, -1, split) @ shared_values
        out = first.reshape(groups, batch, -1, width).transpose(0, 1) + weights[..., split:] @ values
    return out.reshape(batch, heads, new, width).transpose(1, 2), None


def _mask(cache: Cache, new: int, shared: int) -> torch.Tensor:
    """Return `[B, 1, shared * new, length]`: padding and later tokens are hidden."""
    total = cache.length + new
    places = torch.arange(total, device=cache.hidden.device)
    later = places[None, :] > places[cache.length :, None]
    mask = cache.hidden[:, None, :total].expand(-1, new, -1).masked_fill(later, float("-inf"))
    return mask.repeat(1, shared, 1)[:, None]


@contextmanager
def shared_prefix_attention(model: Any) -> Iterator[None]:
    """Let a causal model decode with a `Cache` inside the block."""
    config = model.config.get_text_config()
    ALL_ATTENTION_FUNCTIONS.register(NAME, attend)
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


@torch.inference_mode()
def read_prefix(model: Any, prefix: Sequence[int]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return each layer's keys and values `[G, P, D]` of a prefix."""
    device, dtype = model.device, model.dtype
    cache = Cache([], len(prefix), torch.zeros(1, len(prefix), device=device, dtype=dtype))
    ids = torch.tensor([list(prefix)], device=device)
    forward(model, ids, torch.arange(len(prefix), device=device)[None], cache)
    return [(keys[0], values[0]) for keys, values in cache.own]


@torch.inference_mode()
def decode(
    model: Any,
    prefix: list[tuple[torch.Tensor, torch.Tensor]],
    rows: Sequence[Sequence[int]],
    end: int,
    max_new_tokens: int,
    allowed: Sequence[Row] | None = None,
    told: Callable[[int, list[int]], None] = lambda row, written: None,
) -> list[list[int]]:
    """Return what follows each row, greedily, without the end token.

    Args:
        prefix: what `read_prefix` returned. rows: token ids behind the prefix, at least one each.
        allowed: what each row may write; None leaves all of them free.
        told: called with (row, all that it has written) whenever it has written more.
    """
    states = allowed or [Row()] * len(rows)
    pairs = enumerate(zip(states, rows, strict=True))
    writers = [Writer(number, state, end, max_new_tokens, list(row)) for number, (state, row) in pairs]
    every, writers = writers, [writer for writer in writers if not writer.done]
    room = max(map(len, rows)) + max_new_tokens
    cache = Cache(prefix, room, torch.zeros(len(writers), room, device=model.device, dtype=model.dtype))
    start = prefix[0][0].shape[1] if prefix else 0
    limit = room  # the questions are read in one step
    while writers:
        logits = _step(model, cache, writers, start, limit)
        likeliest = logits.argmax(-1).tolist()
        for place, writer in enumerate(writers):
            if writer.go_on(logits[place], likeliest[place]):
                told(writer.row, writer.written)
        stay = [place for place, writer in enumerate(writers) if not writer.done]
        if len(stay) < len(writers):
            cache.keep(torch.tensor(stay, device=model.device, dtype=torch.long))
            writers = [writers[place] for place in stay]
        limit = max(1, _AT_ONCE // max(1, len(writers)))
    return [writer.written for writer in every]


def _step(model: Any, cache: Cache, writers: Sequence[Writer], start: int, limit: int) -> torch.Tensor:
    """Read what the rows have waiting, at most `limit` tokens each; return the logits `[B, V]` behind the last."""
    width, device = min(limit, max(len(writer.waiting) for writer in writers)), model.device
    places, blocks = [writer.read for writer in writers], [writer.next(width) for writer in writers]
    pads = [width - len(block) for block in blocks]
    ids = torch.tensor([[0] * pad + block for pad, block in zip(pads, blocks, strict=True)], device=device)
    first = torch.tensor([start + place - pad for place, pad in zip(places, pads, strict=True)], device=device)
    positions = (first[:, None] + torch.arange(width, device=device)).clamp(min=start)
    cache.make_room(torch.tensor(pads, device=device), width)
    return forward(model, ids, positions, cache)


def forward(model: Any, ids: torch.Tensor, positions: torch.Tensor, cache: Cache) -> torch.Tensor:
    """Run the new tokens through the model; return the logits `[B, V]` behind the last."""
    with shared_prefix_attention(model):
        found = model.get_decoder()(input_ids=ids, position_ids=positions, use_cache=False, cache=cache)
    cache.length += ids.shape[1]
    return model.get_output_embeddings()(found.last_hidden_state[:, -1])  # type: ignore[no-any-return]
