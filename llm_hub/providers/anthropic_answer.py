"""An answer of Anthropic's, block by block: in the hub's words, and as it came for clients of the same protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llm_hub.chat import OriginalAnswer, ReasoningBreak
from llm_hub.chat.exact_json import dump_exactly
from llm_hub.errors import StreamBroken
from llm_hub.providers.anthropic_announcement import (
    ANNOUNCED_BLOCKS,
    Announcement,
    unknown_fields,
    vendor_delta,
)
from llm_hub.providers.anthropic_block import TEXT_FIELDS, MessageBlock, as_json, decode_input, vendors_kinds
from llm_hub.providers.anthropic_body import REASONING_BLOCKS
from llm_hub.providers.anthropic_finish_reason import END_FIELDS, FINISH_REASONS, PAUSED
from llm_hub.providers.anthropic_original import ends_with_results
from llm_hub.providers.anthropic_usage import read_usage
from llm_hub.providers.cumulative_usage import update_usage
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, Event, ToolCall
    from llm_hub.providers.http_provider import HttpProvider

MAX_BLOCKS = 10_000
"""Blocks of one answer. Real ones have a few, or some hundred where the model searches."""

_COLLECTED = frozenset({"type", "content", "usage"})
"""The fields of a message that are collected from the events of a stream."""
_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class MessageBuilder(StreamedResponseBuilder):
    """A response builder that also keeps a message's blocks, end and usage as they came.

    A block of text or reasoning ends at the latest where the next block begins. So its text is what the answer has
    gained in between, and nothing has to be done for each token. A piece belongs to the block of its index, and where
    the server gives no index, to the last block.
    """

    __slots__ = ("_announcement", "_blocks", "_blocks_by_index", "_end", "_end_events", "_has_output_count", "_head",
        "_reported_usage", "_vendor_bytes", "is_special", "is_text_open", "needs_break")  # fmt: skip

    def __init__(self, provider: HttpProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.is_special = False
        """Whether the next delta is for `add_delta`: its block is not announced, or the hub has no word for it."""
        self.is_text_open = False
        """Whether a block of text is open that has been announced."""
        self.needs_break = False
        """Whether the next piece of reasoning begins another block of it."""
        self._blocks: list[MessageBlock] = []
        self._blocks_by_index: dict[int, MessageBlock] = {}
        self._announcement = Announcement()
        self._head: dict[str, Any] = {}
        self._end: dict[str, Any] = {}
        self._end_events: dict[str, dict[str, Any]] = {"message_delta": {}, "message_stop": {}}
        """The fields that the events at the stream's end have beside its `delta`."""
        self._reported_usage: dict[str, Any] = {}
        self._has_output_count = False
        self._vendor_bytes = 0

    def count_characters(self) -> int:
        return super().count_characters() + self._vendor_bytes

    def add_message(self, message: Mapping[str, Any], event: Mapping[str, Any] = _NO_FIELDS) -> Iterator[Event | None]:
        """Adds a message as the event of a stream begins it, or a whole one from a server that does not stream."""
        self.model = parse_name(message.get("model")) or self.model
        self._head = {name: value for name, value in message.items() if name not in _COLLECTED}
        self._announcement.begin(event, message)
        for index, block in enumerate(message.get("content") or ()):
            yield from self.start_block(index, block)
            yield from self.stop_block(index)
        self._add_usage(message.get("usage"))

    def add_end(self, event: Mapping[str, Any]) -> Iterator[Event | None]:
        """Adds a `message_delta`: why the model stopped, if it did. A reason that is empty or null is "not yet"."""
        end: Mapping[str, Any] = event.get("delta") or {}
        if isinstance(usage := event.get("usage"), dict):
            self._has_output_count |= bool(parse_count(usage.get("output_tokens")))
            self._add_usage(usage)
        self._end |= {name: end[name] for name in end if name in END_FIELDS or name not in self._head}
        others = {name: value for name, value in event.items() if name not in ("type", "delta", "usage")}
        self._end_events["message_delta"] |= others
        reason = end.get("stop_reason")
        if not isinstance(reason, str) or not reason:
            return
        if reason == "error":
            raise StreamBroken(f"{self.title} broke its answer off with an error.")
        yield from self.stop_all_blocks()
        self.finish_reason = FINISH_REASONS.get(reason) or parse_name(reason)
        if reason == "stop_sequence":
            self.stop_sequence = parse_name(end.get("stop_sequence"))
        if reason == "refusal":
            details = end.get("stop_details") or {}
            self.refusal = str(details.get("explanation") or "")[:MAX_REFUSAL_CHARS]

    def add_stop(self, event: Mapping[str, Any]) -> Iterator[Event | None]:
        """Ends an answer. One without a stop reason is an answer all the same: the protocol's own end has come."""
        yield from self.stop_all_blocks()
        self._end_events["message_stop"] = {**event}
        self.finish_reason = self.finish_reason or "stop"
        self.ended = True

    def start_block(
        self, index: int | None, value: dict[str, Any], event: Mapping[str, Any] = _NO_FIELDS
    ) -> Iterator[Event | None]:
        """Begins a block, with as much of it as comes at once."""
        if len(self._blocks) >= MAX_BLOCKS:
            raise StreamBroken(f"{self.title} sent an answer of more than {MAX_BLOCKS} blocks.")
        yield from self._close_before(index)
        kind = str(value.get("type"))
        pieces = self._reasoning if kind == "thinking" else self._text
        is_late = len(self._calls) > 0 and (kind == "text" or (self.is_original and kind != "tool_use"))
        block = MessageBlock(dict(value), kind, len(self._blocks), len(pieces), is_late=is_late)
        block.keep_fields("content_block_start", self._unknown_fields(event))
        self._blocks.append(block)
        if index is not None:
            self._blocks_by_index[index] = block
        self.is_special = kind != "tool_use"
        self.needs_break = kind == "thinking" and bool(self._reasoning)
        self._vendor_bytes += len(dump_exactly(value))
        self.finish_reason = None  # a stop reason that is followed by more of the answer was none
        if kind == "tool_use":
            yield self.add_tool_call(block.number, id=value.get("id") or "", name=value.get("name") or "")
        elif kind in ANNOUNCED_BLOCKS and isinstance(value.get(kind), str) and value[kind]:
            yield from self._add_piece(block, kind, value[kind], _NO_FIELDS)
        if kind == "text":
            for citation in value.get("citations") or ():
                yield from self._tell(block, {"type": "citations_delta", "citation": citation}, _NO_FIELDS)

    def break_reasoning(self) -> ReasoningBreak:
        """Adds the blank line before the first words of another block of reasoning. It is no part of the block."""
        self.needs_break = False
        self._blocks[-1].pieces_before += 1
        self._reasoning.append(ReasoningBreak().text)
        return ReasoningBreak()

    def add_delta(self, index: int | None, event: Mapping[str, Any]) -> Iterator[Event | None]:
        """Adds a piece of a block that is neither text of the answer nor reasoning, or has more than its words."""
        block, delta, fields = self._find_block(index), event["delta"], self._unknown_fields(event)
        if block is not None and block.kind in ANNOUNCED_BLOCKS:
            for kind in ANNOUNCED_BLOCKS:
                if isinstance(piece := delta.get(kind), str) and piece:
                    yield from self._add_piece(block, kind, piece, fields)
                    return
        if block is None:
            if "partial_json" in delta:
                raise StreamBroken(f"{self.title} went on with a tool call that it had not begun.")
            return
        self._vendor_bytes += len(dump_exactly(delta))
        if block.kind == "tool_use":
            block.keep_fields("input_json_delta", fields)
            if piece := delta.get("partial_json"):
                block.pieces.setdefault("partial_json", []).append(as_json(piece))
                yield self.add_tool_call(block.number, arguments=as_json(piece))
        elif block.is_vendors:
            block.add_unknown(event)
        elif "signature" in delta:
            block.value["signature"] = delta["signature"]
            block.keep_fields("signature_delta", fields)
        elif TEXT_FIELDS & delta.keys() and not (fields and self._announcement.is_made(block)):  # it has no words
            yield from self._announcement.of_fields(block, str(delta.get("type")), fields)
        else:
            if "citation" in delta:
                block.pieces.setdefault("citations", []).append([delta["citation"]])
            elif block.is_late:
                block.deltas.append(event)
            yield from self._tell(block, delta, fields)

    def add_event(self, event: Mapping[str, Any]) -> Iterator[Event]:
        """Takes an event that the hub has no word for, which clients of the same protocol are told."""
        if event.get("type") in (None, "error") or event == {"type": "ping"}:
            return
        self._vendor_bytes += len(dump_exactly(event))
        if len(self._calls):
            self._blocks[-1].later_events.append(event)
        else:
            yield from self._announcement.of_event(event)

    def _add_piece(
        self, block: MessageBlock, kind: str, piece: str, fields: Mapping[str, Any]
    ) -> Iterator[Event | None]:
        """Adds text or reasoning to a block that may not be announced yet: its first words announce it."""
        if not piece.isspace():
            yield from self._announce(block)
        yield from self._announcement.of_fields(block, f"{kind}_delta", fields)
        if kind == "thinking":
            pause = (self.break_reasoning(),) if self.needs_break else ()
            thought = self.add_reasoning(piece)
            yield from (None,) if block.is_late else (*pause, thought)
        else:
            yield self.add_late_text(piece) if block.is_late else self.add_text(piece)

    def _tell(self, block: MessageBlock, delta: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Event]:
        """Tells clients of the same protocol what the hub has no word for."""
        if not block.is_late:
            yield from self._announce(block)
            yield from self._announcement.of_fields(block, str(delta.get("type")), fields)
            yield vendor_delta(delta)

    def _announce(self, block: MessageBlock) -> Iterator[Event]:
        """Tells clients of the same protocol how the message begins, and that this block of text or reasoning does."""
        if not self._announcement.is_made(block):
            self.is_special, self.is_text_open = False, block.kind == "text"
            yield from self._announcement.of_block(block)

    def stop_block(self, index: int | None, event: Mapping[str, Any] = _NO_FIELDS) -> Iterator[Event | None]:
        """Ends a block."""
        if (block := self._find_block(index)) is not None:
            block.keep_fields("content_block_stop", self._unknown_fields(event))
            yield from self._close(block)

    def stop_all_blocks(self) -> Iterator[Event | None]:
        """Ends the blocks that are still open: several servers do not say that a block has ended."""
        for block in self._blocks:
            yield from self._close(block)

    def keep_original(self) -> None:
        """Sets `original` and `usage`. For the end of the stream."""
        self.usage = read_usage(self._reported_usage)
        if not self._has_output_count:  # the count that a message begins with is not its answer's
            self.usage.pop("completion_tokens", None)
            self.usage.pop("total_tokens", None)
        if self._head or self._blocks:
            kept = [block for block in self._blocks if block.can_be_kept]
            if kinds := vendors_kinds(self._blocks):
                self.has_other_content = True
                note = f"The answer has {kinds}, which only clients of Anthropic's protocol are sent."
                self.notes = (*self.notes, note)
            self.has_other_content |= self.finish_reason == "stop" and ends_with_results(self.request)
            end_event = self._end_events["message_delta"]
            message = {**self._head, **end_event, **self._end}
            events = {
                **self._end_events,
                "message_start": self._announcement.start,
                "message_delta": {"delta": self._end, **end_event},
                "blocks": [block.as_told for block in kept],
            }
            content = [block.value for block in kept]
            original = {**message, "content": content, "usage": self._reported_usage, "stream_events": events}
            self.original = OriginalAnswer("anthropic", original)
        if self.finish_reason == "pause_turn":
            self.notes = (*self.notes, PAUSED)

    def state_of(self, call: ToolCall, place: int) -> Mapping[str, Any]:  # noqa: ARG002  # the first call has all of it
        """The signed reasoning, which goes with the first call."""
        signed = [
            block.value
            for block in self._blocks
            if block.kind in REASONING_BLOCKS and (block.value.get("signature") or block.value.get("data"))
        ]
        return {"reasoning": signed} if signed and place == 0 else {}

    def _find_block(self, index: int | None) -> MessageBlock | None:
        if index is None:
            return self._blocks[-1] if self._blocks else None
        return self._blocks_by_index.get(index)

    def _close_before(self, index: int | None) -> Iterator[Event | None]:
        """Ends what cannot be open when a block with that index begins. Calls of tools may come side by side."""
        last = self._blocks[-1] if self._blocks else None
        if last is not None and last.kind != "tool_use":
            yield from self._close(last)
        if index is not None and (same := self._blocks_by_index.get(index)) is not None:
            yield from self._close(same)

    def _close(self, block: MessageBlock) -> Iterator[Event | None]:
        if not block.is_open:
            return
        block.is_open = self.is_special = self.is_text_open = False
        value = block.value
        match block.kind:
            case "text":
                value["text"] = "".join(self._text[block.pieces_before :])
            case "thinking":
                value["thinking"] = "".join(self._reasoning[block.pieces_before :])
            case "tool_use":
                pieces = block.pieces.pop("partial_json", [])
                if not pieces and value.get("input"):  # anomalyco/opencode#38733
                    pieces = [as_json(value["input"])]
                    yield self.add_tool_call(block.number, arguments=pieces[0])
                value["input"] = decode_input("".join(pieces) or "{}")
        block.add_pieces()
        yield from self._announcement.of_end(block)

    def _unknown_fields(self, event: Mapping[str, Any]) -> dict[str, Any]:
        fields = unknown_fields(event)
        self._vendor_bytes += len(dump_exactly(fields)) if fields else 0
        return fields

    def _add_usage(self, reported: object) -> None:
        if isinstance(reported, dict):
            update_usage(self._reported_usage, reported)
