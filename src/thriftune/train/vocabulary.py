"""Which tokens the softmax of training runs over: all, or those that the domain's text can produce and a random rest.

A small student spends a fifth and more of its step on the output layer, most of it on tokens that no answer can hold.
With `train.vocabulary: domain` the softmax covers the tokens of the task's texts and lessons, and a fresh random sample
of the others, which stay pushed down that way. It is a sampled softmax (Bengio & Senécal 2008) without correction, so
the loss is not the formula's any more; validation, generation and the saved model use the whole vocabulary.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, islice

import torch

from thriftune.students.load import Student
from thriftune.train.batches import Row

REST = 2048


def domain_ids(student: Student, rows: Sequence[Row], texts: Iterable[str]) -> torch.Tensor:
    """Return int64 `[K]`, ascending: every token of the rows, and of the texts with and without a space before them."""
    ids = {token for row in rows for part in (row.question, row.label, row.rationale) for token in part}
    ids.update(range(min(256, len(student.tokenizer))))
    both = chain.from_iterable((text, " " + text) for text in texts)
    while some := list(islice(both, 4096)):
        ids.update(chain.from_iterable(student.tokenizer(some, add_special_tokens=False)["input_ids"]))
    return torch.tensor(sorted(ids), device=student.device)


def with_rest(domain: torch.Tensor, size: int) -> torch.Tensor:
    """Return int64 `[≤ K + REST]`, ascending: the domain's tokens and a random sample of the others."""
    rest = torch.randint(size, (REST,), device=domain.device)
    return torch.unique(torch.cat([domain, rest]))  # type: ignore[no-any-return]
