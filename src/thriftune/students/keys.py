"""Keys of JSON objects while they are written: a context-free grammar cannot say that a name comes only once."""

from dataclasses import dataclass, field


@dataclass
class Keys:
    """What has been read of a JSON text that a grammar keeps well-formed: the keys of each open object.

    `_open` has for each open bracket the keys so far, None for an array. `_string` is the string being read, with its
    escapes; None outside. `_names` says whether the next string, or this one, is a key.
    """

    _open: list[frozenset[bytes] | None] = field(default_factory=list)
    _string: bytes | None = None
    _escaped: bool = False
    _names: bool = False

    def after(self, piece: bytes) -> "Keys | None":
        """Return the state behind a further piece of the text; None if the piece ends a key that was there already."""
        state = Keys(list(self._open), self._string, self._escaped, self._names)
        for place in range(len(piece)):
            if not state._read(piece[place : place + 1]):
                return None
        return state

    def _read(self, sign: bytes) -> bool:
        if self._string is not None:
            return self._within(sign)
        if sign == b'"':
            self._string = b""
        elif sign in (b"{", b"["):
            self._open.append(frozenset() if sign == b"{" else None)
        elif sign in (b"}", b"]") and self._open:
            self._open.pop()
        if sign in (b"{", b"[", b",", b":"):
            self._names = sign in (b"{", b",") and bool(self._open) and self._open[-1] is not None
        return True

    def _within(self, sign: bytes) -> bool:
        assert self._string is not None
        if sign != b'"' or self._escaped:
            self._string += sign
            self._escaped = sign == b"\\" and not self._escaped
            return True
        written, self._string = self._string, None
        keys = self._open[-1] if self._names else None
        if keys is None:
            return True
        self._open[-1] = keys | {written}
        return written not in keys
