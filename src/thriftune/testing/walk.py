"""Random answers from a grammar: each step takes any allowed token. What they are judged as shows a grammar's holes."""

import random
from collections import defaultdict
from typing import Any

from thriftune.tasks.base import Grammar

_CLOSING = (b'"', b"}", b"]")
_CLOSE = 0.35  # how often what is open is closed, if it may be; without it most answers would not end


class Walker:
    """Writes random answers of a grammar with the tokens of one tokenizer; an answer ends as soon as it may."""

    def __init__(self, tokenizer: Any, grammar: Grammar) -> None:
        from llguidance.hf import from_tokenizer

        from thriftune.students.constrain import Constrainer

        self._tokenizer, self._grammar = tokenizer, grammar
        self._constrainer = Constrainer(tokenizer, len(tokenizer))
        words = from_tokenizer(tokenizer)
        self._first = [words.decode_bytes([token])[:1] for token in range(len(tokenizer))]

    def answer(self, chance: random.Random, most: int = 3000) -> str | None:
        """Return an answer; None if it does not end within so many tokens."""
        matcher, ids = self._constrainer.matcher(self._grammar), list[int]()
        while len(ids) < most:
            if matcher.is_accepting():
                return str(self._tokenizer.decode(ids))
            mask = matcher.compute_bitmask()
            allowed = [token for token in range(len(self._first)) if _bit(mask, token)]
            ids.append(self._drawn(allowed, chance))
            matcher.consume_token(ids[-1])
        return None

    def _drawn(self, allowed: list[int], chance: random.Random) -> int:
        """Draw the first byte, then the token: otherwise words would drown the signs."""
        groups: dict[bytes, list[int]] = defaultdict(list)
        for token in allowed:
            groups[self._first[token]].append(token)
        closing = [sign for sign in _CLOSING if sign in groups]
        first = chance.choice(closing) if closing and chance.random() < _CLOSE else chance.choice(sorted(groups))
        return chance.choice(groups[first])


def _bit(mask: bytes, place: int) -> bool:
    return bool(mask[place >> 3] >> (place & 7) & 1)
