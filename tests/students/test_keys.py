"""A key that comes twice in one object is seen as soon as it is ended, however the text is cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thriftune.students.keys import Keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, st.integers(1, 5), st.booleans())
def test_no_key_of_a_value_is_called_a_repetition(value, size, plain):
    text, state = json.dumps(value, ensure_ascii=plain).encode(), Keys()
    for start in range(0, len(text), size):
        state = state.after(text[start : start + size])
        assert state is not None


@pytest.mark.parametrize(
    "text", ['{"a":1,"a"', '{"x":[{"a":{}},{"b":1,"b"', '{"a\\"b":1,"c":[],"a\\"b"', '{"a":{"a":"a"},"b":"a","a"']
)
def test_a_repetition_is_seen_at_its_end(text):
    before = Keys().after(text[:-1].encode())
    assert Keys().after(text.encode()) is None and before is not None
    assert before.after(b'"') is None and before.after(b'x":') is not None


def test_a_state_is_not_changed_by_what_is_tried():
    state = Keys().after(b'{"a":1,"')
    assert state.after(b'a":') is None and state.after(b'b":2,"a') is not None and state.after(b'a":') is None
