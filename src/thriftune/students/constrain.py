"""Constrained decoding: a row may only go on with tokens that its grammar allows.

Decoding is greedy, so a mask is seldom needed: the likeliest token is tried first, and only where the grammar refuses
it is the mask of all allowed tokens made (by llguidance) and the likeliest of those taken. The result is the same.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from thriftune.errors import StudentError
from thriftune.students.keys import Keys
from thriftune.students.writers import Row
from thriftune.tasks.base import Grammar

_KEPT = 64  # compiled grammars; clients of a server may bring schemas of their own
_TRIED = 64  # tokens, the likeliest first, of which one has to write a new key
_MEND = ". To let students write freely: evaluate.constrained: false"
_COMPACT: Any = {"whitespace_flexible": False, "json_allowed_escapes": '"\\bfnrt'}  # as `json.dumps` writes
_LENIENT: Any = {**_COMPACT, "lenient": True}


class Constrainer:
    """Grammars compiled for one tokenizer, each once.

    Attributes:
        ignored: what of a JSON Schema is not enforced, by keyword; the judge looks at it still.
    """

    def __init__(self, tokenizer: Any, width: int) -> None:
        """Prepare the tokenizer.

        Args:
            width: the number of logits, which may exceed the vocabulary.

        Raises:
            StudentError: the tokenizer is none of the fast ones.
        """
        from llguidance.hf import from_tokenizer

        try:
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=width)
        except ValueError as error:
            raise StudentError(
                f"constrained decoding needs a fast tokenizer: {error}. Set evaluate.constrained: false"
            ) from error
        self._end = tokenizer.eos_token_id
        self.ignored: list[str] = []
        self._matchers: dict[Grammar, Any] = {}

    def row(self, grammar: Grammar | None) -> Row:
        """Return the state of a row that begins to write; it may write anything if there is no grammar.

        Raises:
            StudentError: the grammar cannot be compiled; the message is that of its compiler.
        """
        if grammar is None:
            return Row()
        return GrammarRow(self.matcher(grammar), self._tokenizer.decode_bytes, self._end)

    def accepts(self, grammar: Grammar, ids: Sequence[int]) -> bool:
        """Tell whether an answer, as token ids without the end, is within the grammar."""
        matcher = self.matcher(grammar)
        return matcher.try_consume_tokens(list(ids)) == len(ids) and bool(matcher.is_accepting())

    def matcher(self, grammar: Grammar) -> Any:
        """Return an `LLMatcher` that has read nothing yet.

        Raises:
            StudentError: the grammar cannot be compiled.
        """
        if grammar not in self._matchers:
            if len(self._matchers) >= _KEPT:
                del self._matchers[next(iter(self._matchers))]
            self._matchers[grammar] = self._compiled(grammar)
        return self._matchers[grammar].deep_copy()

    def _compiled(self, grammar: Grammar) -> Any:
        from llguidance import LLMatcher

        if grammar.form == "lark":
            return self._sound(LLMatcher.grammar_from_lark(grammar.text), _MEND)
        exact = LLMatcher.grammar_from_json_schema(grammar.text, overrides=_COMPACT)
        if grammar.strict:
            return self._sound(exact, "")
        if fault := self._fault(exact):
            exact = LLMatcher.grammar_from_json_schema(grammar.text, overrides=_LENIENT)
            self.ignored.append(fault)
        return self._sound(exact, _MEND)

    def _sound(self, grammar: str, mend: str) -> Any:
        from llguidance import LLMatcher

        if fault := self._fault(grammar):
            raise StudentError(f"the grammar cannot be enforced: {fault}{mend}")
        return LLMatcher(self._tokenizer, grammar, log_level=0)

    def _fault(self, grammar: str) -> str:
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, grammar, log_level=0)
        return str(matcher.get_error()).partition("\n")[0]


class GrammarRow(Row):
    """What one row may write next by a grammar of JSON, or of any text without quotes and braces of its own.

    Args:
        spell: returns the bytes of tokens.
    """

    def __init__(self, matcher: Any, spell: Callable[[list[int]], bytes], end: int) -> None:
        self._matcher, self._spell, self._end = matcher, spell, end
        self._keys = Keys()

    def choose(self, logits: torch.Tensor, likeliest: int) -> int:
        """Return the likeliest token `[V]` that is allowed; the end if there is none."""
        if self._allows(likeliest) and self._is_new(likeliest):
            return likeliest
        allowed = allowed_tokens(self._matcher.compute_bitmask(), logits.shape[-1]).to(logits.device)
        best = logits.masked_fill(~allowed, float("-inf")).topk(min(_TRIED, int(allowed.sum()))).indices.tolist()
        return next((token for token in best if self._is_new(token)), self._end)

    def take(self, token: int) -> list[int]:
        """Go on behind an allowed token; return those that are forced."""
        self._matcher.consume_token(token)
        self._read([token])
        return self.forced()

    def forced(self) -> list[int]:
        """Return the tokens that must follow, and go on behind them."""
        tokens = [token for token in self._matcher.compute_ff_tokens() if token != self._end]
        self._matcher.consume_tokens(tokens)
        self._read(tokens)
        return tokens

    def must_end(self) -> bool:
        """Tell whether the answer is whole and nothing can follow."""
        return bool(self._matcher.is_stopped())

    def _allows(self, token: int) -> bool:
        if token == self._end:
            return bool(self._matcher.is_accepting())
        return bool(self._matcher.validate_tokens([token]) == 1)

    def _is_new(self, token: int) -> bool:
        """Whether the token writes no key for the second time."""
        return token == self._end or self._keys.after(self._spell([token])) is not None

    def _read(self, tokens: list[int]) -> None:
        self._keys = self._keys.after(self._spell(tokens)) or self._keys


class Obeying:
    """A logits processor of transformers: it leaves one token a row, the likeliest that the row's grammar allows."""

    def __init__(self, rows: Sequence[Row], end: int) -> None:
        self._rows, self._end = rows, end
        self._forced = [list(row.forced()) for row in rows]

    def __call__(self, ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores `[B, V]` that are 0 at the chosen token and -inf elsewhere."""
        chosen = [self._next(place, scores[place], token) for place, token in enumerate(scores.argmax(-1).tolist())]
        places = torch.tensor(chosen, device=scores.device)[:, None]
        return torch.full_like(scores, float("-inf")).scatter_(1, places, 0.0)

    def _next(self, place: int, logits: torch.Tensor, likeliest: int) -> int:
        row, forced = self._rows[place], self._forced[place]
        if forced:
            return forced.pop(0)
        token = self._end if row.must_end() else row.choose(logits, likeliest)
        if token != self._end:
            forced += row.take(token)
        return token


def allowed_tokens(mask: bytes, width: int) -> torch.Tensor:
    """Return bool `[width]` from a mask of one bit a token, the lowest first."""
    packed = torch.frombuffer(bytearray(mask), dtype=torch.uint8)
    bits = (packed[:, None] >> torch.arange(8, dtype=torch.uint8)) & 1
    return bits.flatten().bool()[:width]
