"""An answer of Anthropic's, block by block: in the hub's words, and as it came for clients of the same protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from llm_hub.chat import OriginalAnswer, ReasoningBreak
from llm_hub.chat.exact_json import dump_exactly
from llm_hub.errors import StreamBroken
from llm_hub.providers.anthropic_announcement import ANNOUNCED_BLOCKS, Announcement, unknown_fields, vendor_delta
from llm_hub.providers.anthropic_block import (
    TEXT_FIELDS,
    MessageBlock,
    as_json,
    decode_input,
    signed_reasoning,
    vendors_kinds,
)
from llm_hub.providers.anthropic_finish_reason import FINISH_REASONS, PAUSED
from llm_hub.providers.anthropic_frame import MessageFrame
from llm_hub.providers.anthropic_original import ends_with_results
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, Event, TextDelta, ToolCall
    from llm_hub.providers.http_provider import HttpProvider

MAX_BLOCKS = 10_000
"""Blocks of one answer. Real ones have a few, or some hundred where the model searches."""

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})


class MessageBuilder(StreamedResponseBuilder):
    """A response builder that also keeps a message's blocks, end and usage as they came.

    A block of text or reasoning ends at the latest where the next block begins. So its text is what the answer has
    gained in between, and nothing has to be done for each token. A piece belongs to the block of its index, and where
    the server gives no index, to the last block.
    """

    __slots__ = ("_announcement", "_blocks", "_blocks_by_index", "_frame", "_vendor_bytes", "is_special",
        "is_text_open", "needs_break")  # fmt: skip

    def __init__(self, provider: HttpProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.is_special = True
        """Whether the next delta is for `add_delta`: its block is not announced, or the hub has no word for it."""
        self.is_text_open = False
        """Whether a block of text is open that has been announced."""
        self.needs_break = False
        """Whether the next piece of reasoning begins another block of it."""
        self._blocks: list[MessageBlock] = []
        self._blocks_by_index: dict[int, MessageBlock] = {}
        self._announcement = Announcement(request.original)
        self._frame = MessageFrame()
        self._vendor_bytes = 0

    def count_characters(self) -> int:
        return super().count_characters() + self._vendor_bytes

    def add_message(self, event: Mapping[str, Any]) -> Iterable[Event | None]:
        """Adds a message as the event of a stream begins it."""
        message = event["message"]
        self.model = parse_name(message.get("model")) or self.model
        self._announcement.begin(event)
        self._frame.begin(message)
        return self._add_blocks(blocks) if (blocks := message.get("content")) else ()

    def add_whole_message(self, message: Mapping[str, Any]) -> Iterator[Event | None]:
        """Adds the whole answer at once, from a server that does not stream."""
        yield from self.add_message({"message": message})
        yield from self.add_end({"delta": message, "usage": message.get("usage")})
        yield from self.add_stop({})

    def _add_blocks(self, blocks: Iterable[dict[str, Any]]) -> Iterator[Event | None]:
        for index, block in enumerate(blocks):
            yield from self.start_block({"index": index, "content_block": block})
            yield from self.stop_block({"index": index})

    def add_end(self, event: Mapping[str, Any]) -> Iterable[Event | None]:
        """Adds a `message_delta`: why the model stopped, if it did. A reason that is empty or null is "not yet"."""
        end = self._frame.add_end(event)
        reason = end.get("stop_reason")
        if not isinstance(reason, str) or not reason:
            return ()
        if reason == "error":
            raise StreamBroken(f"{self.title} broke its answer off with an error.")
        self.finish_reason = FINISH_REASONS.get(reason) or parse_name(reason)
        if reason == "stop_sequence":
            self.stop_sequence = parse_name(end.get("stop_sequence"))
        if reason == "refusal":
            details = end.get("stop_details") or {}
            self.refusal = str(details.get("explanation") or "")[:MAX_REFUSAL_CHARS]
        return self.stop_all_blocks()

    def add_stop(self, event: Mapping[str, Any]) -> Iterable[Event | None]:
        """Ends an answer. One without a stop reason is an answer all the same: the protocol's own end has come."""
        self._frame.stop_event = event
        self.finish_reason = self.finish_reason or "stop"
        self.ended = True
        return self.stop_all_blocks()

    def start_block(self, event: Mapping[str, Any]) -> list[Event | None]:
        """Begins a block, with as much of it as comes at once."""
        if len(self._blocks) >= MAX_BLOCKS:
            raise StreamBroken(f"{self.title} sent an answer of more than {MAX_BLOCKS} blocks.")
        value, index = event["content_block"], parse_count(event.get("index"))
        events = self._close_before(index) if self._blocks else []
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
            events.append(self.add_tool_call(block.number, id=value.get("id") or "", name=value.get("name") or ""))
        elif kind in ANNOUNCED_BLOCKS and isinstance(value.get(kind), str) and value[kind]:
            events += self._add_piece(block, kind, value[kind], _NO_FIELDS)
        if kind == "text":
            for citation in value.get("citations") or ():
                events += self._tell(block, {"type": "citations_delta", "citation": citation}, _NO_FIELDS)
        return events

    def break_reasoning(self) -> ReasoningBreak:
        """Adds the blank line before the first words of another block of reasoning. It is no part of the block."""
        self.needs_break = False
        self._blocks[-1].pieces_before += 1
        self._reasoning.append(ReasoningBreak().text)
        return ReasoningBreak()

    def add_words(self, words: list[str]) -> TextDelta:
        """Adds pieces of the open block's text at once, and empties the list."""
        text = "".join(words)
        words.clear()
        return self.add_text(text)

    def add_delta(self, event: Mapping[str, Any]) -> Iterable[Event | None]:
        """Adds a piece of a block."""
        delta = event["delta"]
        if not self.is_special and len(delta) <= 2 and len(event) <= 3:
            if isinstance(text := delta.get("text"), str) and text:  # nearly always
                return (self.add_text(text),)
            if isinstance(thought := delta.get("thinking"), str) and thought:
                return (self.add_reasoning(thought),)
        kind = next((kind for kind in ANNOUNCED_BLOCKS if delta.get(kind) and isinstance(delta[kind], str)), "")
        if (block := self._find_block(event)) is None:
            if "partial_json" in delta:
                raise StreamBroken(f"{self.title} went on with a tool call that it had not begun.")
            if not kind:
                return ()
            opening = {"index": event.get("index"), "content_block": {"type": kind, kind: ""}}
            return [*self.start_block(opening), *self.add_delta(event)]
        fields = self._unknown_fields(event)
        if kind and block.kind in ANNOUNCED_BLOCKS:
            return self._add_piece(block, kind, delta[kind], fields)
        return self._add_other_delta(block, event, fields)

    def _add_other_delta(
        self, block: MessageBlock, event: Mapping[str, Any], fields: Mapping[str, Any]
    ) -> Iterable[Event | None]:
        """Adds a piece of a block that is neither text of the answer nor reasoning."""
        delta = event["delta"]
        self._vendor_bytes += len(dump_exactly(delta))
        if block.kind == "tool_use":
            block.keep_fields("input_json_delta", fields)
            if piece := delta.get("partial_json"):
                block.pieces.setdefault("partial_json", []).append(as_json(piece))
                return (self.add_tool_call(block.number, arguments=as_json(piece)),)
        elif block.is_vendors:
            block.add_unknown(event)
        elif "signature" in delta:
            block.value["signature"] = delta["signature"]
            block.keep_fields("signature_delta", fields)
        elif TEXT_FIELDS & delta.keys() and not (fields and self._announcement.is_made(block)):  # it has no words
            return self._announcement.of_fields(block, str(delta.get("type")), fields)
        else:
            if "citation" in delta:
                block.pieces.setdefault("citations", []).append([delta["citation"]])
            elif block.is_late:
                block.deltas.append(event)
            return self._tell(block, delta, fields)
        return ()

    def add_event(self, event: Mapping[str, Any]) -> Iterable[Event | None]:
        """Takes an event that the hub has no word for, which clients of the same protocol are told."""
        if event.get("type") in (None, "error"):
            return ()
        self._vendor_bytes += len(dump_exactly(event))
        if not len(self._calls):
            return self._announcement.of_event(event, self._blocks[-1] if self._blocks else None)
        self._blocks[-1].later_events.append(event)
        return ()

    def _add_piece(self, block: MessageBlock, kind: str, piece: str, fields: Mapping[str, Any]) -> list[Event | None]:
        """Adds text or reasoning to a block that may not be announced yet: its first words announce it."""
        events = [] if piece.isspace() or self._announcement.is_made(block) else self._announce(block)
        if fields:
            events += self._announcement.of_fields(block, f"{kind}_delta", fields)
        if kind == "text":
            events.append(self.add_late_text(piece) if block.is_late else self.add_text(piece))
            return events
        pause = [self.break_reasoning()] if self.needs_break else []
        thought = self.add_reasoning(piece)
        return [*events, *((None,) if block.is_late else (*pause, thought))]

    def _tell(self, block: MessageBlock, delta: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Event | None]:
        """Tells clients of the same protocol what the hub has no word for."""
        if block.is_late:
            return []
        events = [] if self._announcement.is_made(block) else self._announce(block)
        return [*events, *self._announcement.of_fields(block, str(delta.get("type")), fields), vendor_delta(delta)]

    def _announce(self, block: MessageBlock) -> list[Event | None]:
        """Tells clients of the same protocol how the message begins, and that this block of text or reasoning does."""
        self.is_special, self.is_text_open = False, block.kind == "text"
        return self._announcement.of_block(block)

    def stop_block(self, event: Mapping[str, Any]) -> list[Event | None]:
        """Ends a block."""
        if (block := self._find_block(event)) is None:
            return []
        block.keep_fields("content_block_stop", self._unknown_fields(event))
        return self._close(block)

    def stop_all_blocks(self) -> list[Event | None]:
        """Ends the blocks that are still open: several servers do not say that a block has ended."""
        return [event for block in self._blocks if block.is_open for event in self._close(block)]

    def keep_original(self) -> None:
        """Sets `original` and `usage`. For the end of the stream."""
        self.usage = self._frame.usage
        if self._frame.has_begun or self._blocks:
            if kinds := vendors_kinds(self._blocks):
                self.has_other_content = True
                note = f"The answer has {kinds}, which only clients of Anthropic's protocol are sent."
                self.notes = (*self.notes, note)
            if self.finish_reason == "stop" and not any(map(str.strip, self._text)):  # it may have nothing to add
                self.has_other_content = self.has_other_content or ends_with_results(self.request)
            kept = [block for block in self._blocks if block.can_be_kept]
            message = self._frame.with_blocks(kept)
            if self._announcement.tells_beginnings:
                message["stream_events"] = self._frame.stream_events(kept, self._announcement.start)
            self.original = OriginalAnswer("anthropic", message)
        if self.finish_reason == "pause_turn":
            self.notes = (*self.notes, PAUSED)

    def state_of(self, call: ToolCall, place: int) -> Mapping[str, Any]:  # noqa: ARG002  # the first call has all of it
        """The signed reasoning, which goes with the first call."""
        signed = signed_reasoning(self._blocks)
        return {"reasoning": signed} if signed and place == 0 else {}

    def _find_block(self, event: Mapping[str, Any]) -> MessageBlock | None:
        """The block to which an event belongs."""
        if (index := parse_count(event.get("index"))) is None:
            return self._blocks[-1] if self._blocks else None
        return self._blocks_by_index.get(index)

    def _close_before(self, index: int | None) -> list[Event | None]:
        """Ends what cannot be open when a block with that index begins. Calls of tools may come side by side."""
        events: list[Event | None] = []
        if (last := self._blocks[-1]).kind != "tool_use":
            events += self._close(last)
        if index is not None and (same := self._blocks_by_index.get(index)) is not None:
            events += self._close(same)
        return events

    def _close(self, block: MessageBlock) -> list[Event | None]:
        if not block.is_open:
            return []
        block.is_open, self.is_text_open, self.is_special = False, False, True
        events: list[Event | None] = []
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
                    events.append(self.add_tool_call(block.number, arguments=pieces[0]))
                value["input"] = decode_input("".join(pieces) or "{}")
        block.add_pieces()
        return events + self._announcement.of_end(block)

    def _unknown_fields(self, event: Mapping[str, Any]) -> dict[str, Any]:
        fields = unknown_fields(event)
        self._vendor_bytes += len(dump_exactly(fields)) if fields else 0
        return fields
