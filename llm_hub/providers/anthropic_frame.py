"""What an answer of Anthropic's has beside its blocks, as it came: how it begins and ends, and its tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.providers.anthropic_finish_reason import END_FIELDS
from llm_hub.providers.anthropic_usage import read_usage
from llm_hub.providers.cumulative_usage import update_usage
from llm_hub.wire.validation import parse_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_hub.chat import Usage
    from llm_hub.providers.anthropic_block import MessageBlock

_COLLECTED = ("type", "content", "usage")
"""The fields of a message that are collected from the events of a stream."""
_END_EVENT_FIELDS = frozenset({"type", "delta", "usage"})
"""The fields of a `message_delta` for which the hub has words."""


class MessageFrame:
    """A message without its blocks, put together from the events of a stream."""

    __slots__ = ("_end", "_end_event", "_has_output_count", "_head", "_usage", "stop_event")

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._end: dict[str, Any] = {}
        self._end_event: dict[str, Any] = {}
        """The fields that `message_delta` has beside its `delta`."""
        self.stop_event: Mapping[str, Any] = {}
        """The event that ends the stream."""
        self._usage: dict[str, Any] = {}
        self._has_output_count = False

    def begin(self, message: Mapping[str, Any]) -> None:
        """Takes the message as it begins."""
        self._head = dict(message)
        for name in _COLLECTED:
            self._head.pop(name, None)
        self._add_usage(message.get("usage"))

    def add_end(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Takes a `message_delta`. What it says of the message's end."""
        end: Mapping[str, Any] = event.get("delta") or {}
        if isinstance(usage := event.get("usage"), dict):
            self._has_output_count = self._has_output_count or bool(parse_count(usage.get("output_tokens")))
            self._add_usage(usage)
        if END_FIELDS.issuperset(end):  # nearly always
            self._end |= end
        else:
            self._end |= {name: end[name] for name in end if name in END_FIELDS or name not in self._head}
        if not _END_EVENT_FIELDS.issuperset(event):
            self._end_event |= {name: value for name, value in event.items() if name not in _END_EVENT_FIELDS}
        return end

    @property
    def usage(self) -> Usage:
        """The tokens in the hub's words."""
        usage = read_usage(self._usage)
        if not self._has_output_count:  # the count that a message begins with is not its answer's
            usage.pop("completion_tokens", None)
            usage.pop("total_tokens", None)
        return usage

    @property
    def has_begun(self) -> bool:
        return bool(self._head)

    def with_blocks(self, blocks: Sequence[MessageBlock]) -> dict[str, Any]:
        """The message with these blocks."""
        content = [block.value for block in blocks]
        return {**self._head, **self._end_event, **self._end, "content": content, "usage": self._usage}

    def stream_events(self, blocks: Sequence[MessageBlock], start: Mapping[str, Any]) -> dict[str, Any]:
        """What the message's events had beside these blocks. `start` is the event that began it."""
        return {
            "message_start": start,
            "message_delta": {"delta": self._end, **self._end_event},
            "message_stop": self.stop_event,
            "blocks": [block.as_told for block in blocks],
        }

    def _add_usage(self, reported: object) -> None:
        if isinstance(reported, dict):
            update_usage(self._usage, reported)
