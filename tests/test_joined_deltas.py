"""What came in one read of the network, as few events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ReasoningDelta, TextDelta, ToolCallDelta
from llm_hub.errors import StreamBroken
from llm_hub.providers.http_provider import join_deltas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.chat import Event


def test_text_that_follows_text_is_one_and_nothing_changes_places() -> None:
    call = ToolCallDelta(0, "id", "name", "{}")
    said: list[Event] = [
        ReasoningDelta("a"), ReasoningDelta("b"), TextDelta("c"), call, TextDelta("d"), TextDelta("e"), TextDelta("f"),
    ]  # fmt: skip
    assert list(join_deltas(said)) == [ReasoningDelta("ab"), TextDelta("c"), call, TextDelta("def")]
    assert list(join_deltas([])) == []


def test_what_was_said_before_a_failure_has_been_said() -> None:
    def broken() -> Iterator[Event]:
        yield TextDelta("one")
        yield TextDelta(" two")
        raise StreamBroken("It broke.")

    events = join_deltas(broken())
    assert next(events) == TextDelta("one two")
    with pytest.raises(StreamBroken):
        next(events)
