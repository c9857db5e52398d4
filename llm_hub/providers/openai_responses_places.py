"""Which items of an answer in OpenAI's Responses have come, and which of them an event is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from llm_hub.wire.validation import parse_count

CALLS = ("function_call", "custom_tool_call")
_OWN_PLACES = 10_000
"""Where the places begin of items whose number another one has."""


class ItemPlaces:
    """The items of one answer by their places in it.

    The place is the number in an event, `output_index`. Servers that translate from chat completions give several items
    one number (OmniRoute#10025, 9router#2611): the later ones then get places of their own.
    """

    __slots__ = ("_by_number", "_calls", "_own_places", "ended", "with_pieces")

    def __init__(self) -> None:
        self.ended: dict[int, dict[str, Any]] = {}
        """The items that are complete."""
        self.with_pieces: set[int] = set()
        """The places of items of which a piece has come: what their ends say is known."""
        self._by_number: dict[int, int] = {}
        """Which place is meant now by a number that several items have."""
        self._calls: dict[str, int] = {}
        """The places of calls, by their ids."""
        self._own_places = count(_OWN_PLACES)

    def of(self, event: Mapping[str, Any]) -> int:
        """The place of the item that an event is about."""
        place, item = self.of_number(event), event.get("item") or {}
        call_id = item.get("call_id") if item.get("type") in CALLS else None
        if isinstance(call_id, str):
            if call_id not in self._calls:
                is_taken = place in self.ended or place in self.with_pieces
                self._calls[call_id] = next(self._own_places) if is_taken else place
            place = self._calls[call_id]
        elif event.get("type") == "response.output_item.added" and place in self.ended:
            place = next(self._own_places)
        number = parse_count(event.get("output_index")) or 0
        if place != self._by_number.get(number, number):
            self._by_number[number] = place
        return place

    def of_number(self, event: Mapping[str, Any]) -> int:
        """The same for an event without an item."""
        number = parse_count(event.get("output_index")) or 0
        return self._by_number.get(number, number)

    def missing(self, output: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The events, with their places, that say the end of each item of a whole answer that no event has told of."""
        told = [*self.ended.values()]
        for number, item in enumerate(output):
            place = self._calls.get(str(item.get("call_id")), number)
            if place not in self.ended and not any(_is_same(item, other) for other in told):
                yield place, {"type": "response.output_item.done", "output_index": number, "item": item}


def _is_same(item: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two ends are those of one item."""
    has_same_name = item.get("type") == other.get("type") and item.get("id") == other.get("id")
    return item == other or (bool(item.get("id")) and has_same_name)
