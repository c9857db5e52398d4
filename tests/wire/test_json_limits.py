"""How many values JSON holds is known before it is parsed, whatever its texts look like."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llm_hub.wire.json_limits import holds_more

TEXTS = st.text(alphabet='a",[{}]:\\/\n\u4e2d', max_size=12)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=40,
)


def count_values(value: Any) -> int:
    """Lists and objects, and every member after a first one."""
    if not isinstance(value, list | dict):
        return 0
    inner = list(value.values()) if isinstance(value, dict) else value
    return max(1, len(inner)) + sum(map(count_values, inner))


@given(VALUES, st.booleans())
def test_only_marks_outside_of_texts_are_counted(value: Any, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert not holds_more(raw, count_values(value))
    assert count_values(value) == 0 or holds_more(raw, count_values(value) - 1)
