"""Neighbouring deltas of one read from the network are joined into one event."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ReasoningDelta, TextDelta, ToolCallDelta
from llm_hub.errors import StreamBroken
from llm_hub.providers.joined_pieces import has_pieces, join_pieces
from llm_hub.providers.streamed_response import join_deltas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.chat import Event


def test_neighbouring_text_is_joined_and_the_order_stays() -> None:
    call = ToolCallDelta(0, "id", "name", "{}")
    events: list[Event] = [
        ReasoningDelta("a"), ReasoningDelta("b"), TextDelta("c"), call, TextDelta("d"), TextDelta("e"), TextDelta("f"),
    ]  # fmt: skip
    assert list(join_deltas(events)) == [ReasoningDelta("ab"), TextDelta("c"), call, TextDelta("def")]
    assert list(join_deltas([])) == []


def test_text_before_a_failure_is_handed_on() -> None:
    def broken() -> Iterator[Event]:
        yield TextDelta("one")
        yield TextDelta(" two")
        raise StreamBroken("It broke.")

    events = join_deltas(broken())
    assert next(events) == TextDelta("one two")
    with pytest.raises(StreamBroken):
        next(events)


def test_null_and_empty_text_are_no_pieces_beside_others() -> None:
    """Several servers repeat them with every token."""
    assert not has_pieces({"message": {"reasoning": "", "tool_calls": None, "pages": []}})
    assert has_pieces({"message": {"reasoning": "", "voice": "a"}})
    assert join_pieces([{"voice": "a", "of": [1]}, {"voice": None, "of": None}, {"voice": "b"}]) == {
        "voice": "ab",
        "of": [1],
    }
    assert join_pieces([{"voice": None}, {"voice": None}]) == {"voice": None}
