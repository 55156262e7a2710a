"""One row of a batch as it is written: what it may write, what it has written, what the model has still to read."""

from collections.abc import Sequence

import torch


class Row:
    """What a row may write next: anything. `students.constrain` has the one that obeys a grammar."""

    def choose(self, logits: torch.Tensor, likeliest: int) -> int:
        """Return the likeliest token that is allowed; of `logits` `[V]`, `likeliest` is the greatest."""
        return likeliest

    def take(self, token: int) -> Sequence[int]:
        """Go on behind an allowed token; return the tokens that must follow, whatever the model says."""
        return ()

    def forced(self) -> Sequence[int]:
        """Return the tokens that an answer must begin with."""
        return ()

    def must_end(self) -> bool:
        """Tell whether nothing can follow, so that the end need not be asked for."""
        return False


class Writer:
    """Writes one row.

    Attributes:
        row: its number in the batch.
        written: the answer so far, without the end.
        waiting: tokens that the model has not read yet: first the question, then what was written last.
        read: how many tokens it has read.
        done: whether the answer has ended, or is cut off at its greatest length.
    """

    def __init__(self, number: int, state: Row, end: int, most: int, question: list[int]) -> None:
        self.row, self._state, self._end, self._most = number, state, end, most
        self.written: list[int] = []
        self.waiting, self.read = question, 0
        self._write(state.forced())

    def next(self, most: int) -> list[int]:
        """Return up to so many tokens to be read now."""
        block, self.waiting = self.waiting[:most], self.waiting[most:]
        self.read += len(block)
        return block

    def go_on(self, logits: torch.Tensor, likeliest: int) -> bool:
        """Write the next token, and those that it forces; tell whether anything was written.

        Nothing is while there are tokens to be read first.
        """
        if self.waiting:
            return False
        token = self._state.choose(logits, likeliest)
        if token == self._end:
            self.done = True
            return False
        self._write([token, *self._state.take(token)])
        return True

    def _write(self, tokens: Sequence[int]) -> None:
        new = list(tokens)[: self._most - len(self.written)]
        self.written += new
        self.waiting = [*self.waiting, *new]
        self.done = self._state.must_end() or len(self.written) >= self._most
