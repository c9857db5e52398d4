"""What clients of Anthropic's protocol are told of an answer beside its words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.chat import Alive, VendorDelta

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import Event, OriginalRequest
    from llm_hub.providers.anthropic_block import MessageBlock

PING = {"type": "ping"}
ANNOUNCED_BLOCKS = ("text", "thinking")
"""The blocks whose words are the hub's: their client is told apart what else the blocks begin with."""
_EMPTY: dict[str, Any] = {"text": "", "thinking": "", "signature": "", "citations": []}
"""What a block begins with in a stream, in the place of what its deltas bring."""
_EVENT_FIELDS = frozenset({"type", "index", "content_block", "delta"})
"""The fields of a block's events for which the hub has words."""
_DELTA_FIELDS = frozenset({"type", "text", "thinking", "partial_json", "signature", "citation"})
"""The fields of a piece of a block for which the hub has words."""


class Announcement:
    """How the message and its blocks begin, and what the hub has no word for.

    All of it waits for the first words: until then nothing of the answer has been read, and another model may still
    give it. `client` has a client's own words, which say whether it streams.
    """

    __slots__ = ("_beginning", "_block", "_events", "_is_told", "tells_beginnings")

    def __init__(self, client: OriginalRequest | None) -> None:
        self.tells_beginnings = client is None or bool(client.body.get("stream"))
        """Whether the answer is read as it comes. Who reads it as a whole needs no word of beginnings."""
        self._beginning: Mapping[str, Any] | None = None
        self._is_told = False
        self._block: MessageBlock | None = None
        """The block that was announced last."""
        self._events: list[Mapping[str, Any]] = []
        """Events for which the hub has no word, and of which nobody has been told yet."""

    def begin(self, event: Mapping[str, Any]) -> None:
        """Takes the event that begins the message."""
        self._beginning = event

    @property
    def start(self) -> dict[str, Any]:
        """The event that begins the message, whose blocks have events of their own; {} before it has come."""
        if (event := self._beginning) is None:
            return {}
        return {**event, "type": "message_start", "message": {**event["message"], "content": []}}

    def of_message(self) -> list[Event | None]:
        """How the message begins, once."""
        if self._is_told or self._beginning is None:
            return []
        self._is_told = True
        beginning: list[Event | None] = [vendor_delta(self.start)] if self.tells_beginnings else []
        return beginning + self._of_events() if self._events else beginning

    def of_block(self, block: MessageBlock) -> list[Event | None]:
        """How the message, once, and this block of text or reasoning begin, and the fields that waited for it."""
        self._block = block
        events = self.of_message()
        fields, block.events = block.events, {}
        begun = fields.pop("content_block_start", {})
        if self.tells_beginnings:
            start = {name: _EMPTY.get(name, value) if value else value for name, value in block.value.items()}
            events.append(vendor_delta({**begun, "type": "content_block_start", "content_block": start}))
        if block.later_events:
            events += map(_other_event, block.later_events)
            block.later_events = []
        return events + _fields_of_events(fields) if fields else events

    def is_made(self, block: MessageBlock) -> bool:
        """Whether nothing is to be told of how a block begins: it was, or it comes as a whole."""
        return self._block is block or block.is_late or block.kind not in ANNOUNCED_BLOCKS

    def of_fields(self, block: MessageBlock, kind: str, fields: Mapping[str, Any]) -> list[Event | None]:
        """What an event of a block has beside the hub's words. It waits for the block to be told of."""
        if not fields:
            return []
        if block.is_late or not self.is_made(block):
            block.keep_fields(kind, fields)
            return []
        return _fields_of_events({kind: fields})

    def of_end(self, block: MessageBlock) -> list[Event | None]:
        """What of a block is told at its end: its signature, or all of it if the hub has no word for the block."""
        if block.is_late or block.kind == "tool_use":
            return []
        if block.kind not in ANNOUNCED_BLOCKS:
            return [*self.of_message(), vendor_delta({"type": "whole_block", **block.as_told})]
        events: list[Event | None] = []
        signature = block.value.get("signature") if block.kind == "thinking" else None
        if signature and not self.is_made(block):
            events += self.of_block(block)
        if self.is_made(block):
            events += _fields_of_events(block.events)
        elif block.later_events:  # it has no words, and is not told of
            self._events += block.later_events
            block.later_events = []
            events += self._of_events() if self._is_told else []
        if signature:
            events.append(vendor_delta({"type": "signature_delta", "signature": signature}))
        return events

    def of_event(self, event: Mapping[str, Any], block: MessageBlock | None) -> list[Event | None]:
        """An event for which the hub has no word, for who reads a stream. It follows the beginning or the end of
        `block`, the last one: where that waits for its first words, the event waits with it."""
        if not self.tells_beginnings:
            return []
        if block is not None and block.is_open and not self.is_made(block):
            block.later_events.append(event)
            return []
        if self._is_told:
            return [_other_event(event, ends_block=block is not None and not block.is_open)]
        self._events.append(event)
        return []

    def _of_events(self) -> list[Event | None]:
        told = list(map(_other_event, self._events))
        self._events.clear()
        return told


def unknown_fields(event: Mapping[str, Any]) -> dict[str, Any]:
    """What an event of a block has beside that for which the hub has words, also in its `delta`."""
    delta = event.get("delta") or {}
    if _EVENT_FIELDS.issuperset(event) and _DELTA_FIELDS.issuperset(delta):  # nearly always
        return {}
    fields = {name: value for name, value in event.items() if name not in _EVENT_FIELDS}
    if of_delta := {name: value for name, value in delta.items() if name not in _DELTA_FIELDS}:
        fields["delta"] = of_delta
    return fields


def _fields_of_events(events: Mapping[str, Mapping[str, Any]]) -> list[Event | None]:
    """What a block's next events have beside the hub's words, as `MessageBlock.events` has it."""
    return [vendor_delta({"type": "fields_of_events", "events": events})] if events else []


def _other_event(event: Mapping[str, Any], *, ends_block: bool = False) -> Event | None:
    """An event for which the hub has no word. A ping says that the server is alive, and is nothing of the answer."""
    told = vendor_delta({"type": "other_event", "event": event, "ends_block": ends_block})
    return Alive(word=told) if event == PING else told


def vendor_delta(data: Mapping[str, Any]) -> VendorDelta:
    """A piece in Anthropic's own words, or one of the kinds beside them that `VendorDelta` names."""
    return VendorDelta("anthropic", data)
