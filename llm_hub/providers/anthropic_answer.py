"""An answer of Anthropic's, block by block: in the hub's words, and as it came for clients of the same protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.chat import OriginalAnswer, ReasoningBreak, VendorDelta
from llm_hub.errors import StreamBroken
from llm_hub.providers.anthropic_usage import read_usage
from llm_hub.providers.cumulative_usage import update_usage
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.providers.http_provider import HttpProvider

MAX_BLOCKS = 10_000
"""Blocks of one answer. Real ones have a few, or some hundred where the model searches."""

_HUB_BLOCKS = ("text", "thinking", "tool_use")
"""The blocks that the hub has words for."""
_UNNAMED_BLOCKS = (*_HUB_BLOCKS, "redacted_thinking")
"""The blocks whose absence needs no word: reasoning that nobody can read is not missed."""
_TEXT_FIELDS = {"text", "thinking", "partial_json"}
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
_PAUSED = "The model paused before it was done. To let it go on, send the conversation again, with this answer."
"""What `pause_turn` means, for which other protocols have no word.
Source: platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"""
_NOT_OF_THE_END = ("id", "type", "role", "model", "content", "usage")
"""A message's fields that do not tell how it ended."""


@dataclass(slots=True)
class _Block:
    """A block of the answer: as it came in `value`, which gets what its deltas add when the block ends.

    `number` counts the answer's blocks. `pieces_before` are the pieces of text, or of reasoning, that the answer had
    when the block began. `pieces` has what its deltas brought for each field, the input of a tool as `partial_json`.
    """

    value: dict[str, Any]
    kind: str
    number: int
    pieces_before: int
    pieces: dict[str, list[Any]] = field(default_factory=dict)
    is_open: bool = True

    def add_pieces(self) -> None:
        """Adds what the deltas brought: texts and lists grow, anything else is replaced."""
        if pieces := [_as_json(piece) for piece in self.pieces.pop("partial_json", ()) if piece]:
            self.value["input"] = _decode("".join(pieces))
        for name, added in self.pieces.items():
            pieces = [piece for piece in (self.value.get(name), *added) if piece is not None]
            if all(isinstance(piece, str) for piece in pieces):
                self.value[name] = "".join(pieces)
            elif all(isinstance(piece, list) for piece in pieces):
                self.value[name] = list(chain.from_iterable(pieces))
            elif pieces:
                self.value[name] = pieces[-1]


class MessageBuilder(StreamedResponseBuilder):
    """A response builder that also keeps a message's blocks, end and usage as they came.

    A block of text or reasoning ends at the latest where the next block begins. So its text is what the answer has
    gained in between, and nothing has to be done for each token. A piece belongs to the block of its index, and where
    the server gives no index, to the last block.
    """

    __slots__ = ("_blocks", "_blocks_by_index", "_end", "_has_output_count", "_reported_usage", "_vendor_bytes",
        "in_vendor_block", "needs_break")  # fmt: skip

    def __init__(self, provider: HttpProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.in_vendor_block = False
        """Whether the hub has no word for the block that streams now. Its text is not the answer's."""
        self.needs_break = False
        """Whether the next piece of reasoning begins another block of it."""
        self._blocks: list[_Block] = []
        self._blocks_by_index: dict[int, _Block] = {}
        self._end: dict[str, Any] = {}
        self._reported_usage: dict[str, Any] = {}
        self._has_output_count = False
        self._vendor_bytes = 0

    def count_characters(self) -> int:
        return super().count_characters() + self._vendor_bytes

    def add_message(self, message: Mapping[str, Any]) -> Iterator[Event | None]:
        """Adds a message as a stream begins it, or a whole one from a server that does not stream."""
        self.model = parse_name(message.get("model")) or self.model
        for index, block in enumerate(message.get("content") or ()):
            yield from self.start_block(index, block)
            yield from self.stop_block(index)
        self._add_usage(message.get("usage"))

    def add_end(self, end: Mapping[str, Any], usage: object) -> Iterator[Event | None]:
        """Adds why the model stopped, if it did: a reason that is empty or null stands for "not yet"."""
        if isinstance(usage, dict):
            self._has_output_count |= bool(parse_count(usage.get("output_tokens")))
            self._add_usage(usage)
        self._end |= {name: value for name, value in end.items() if value is not None and name not in _NOT_OF_THE_END}
        reason = end.get("stop_reason")
        if not isinstance(reason, str) or not reason:
            return
        if reason == "error":
            raise StreamBroken(f"{self.title} broke its answer off with an error.")
        yield from self.stop_all_blocks()
        self.finish_reason = _FINISH_REASONS.get(reason) or parse_name(reason)
        if reason == "stop_sequence":
            self.stop_sequence = parse_name(end.get("stop_sequence"))
        if reason == "refusal":
            details = end.get("stop_details") or {}
            self.refusal = str(details.get("explanation") or "")[:MAX_REFUSAL_CHARS]

    def start_block(self, index: int | None, value: dict[str, Any]) -> Iterator[Event | None]:
        """Begins a block, with as much of it as comes at once."""
        if len(self._blocks) >= MAX_BLOCKS:
            raise StreamBroken(f"{self.title} sent an answer of more than {MAX_BLOCKS} blocks.")
        yield from self._close_before(index)
        kind = str(value.get("type"))
        pieces = self._reasoning if kind == "thinking" else self._text
        block = _Block(dict(value), kind, len(self._blocks), len(pieces))
        self._blocks.append(block)
        if index is not None:
            self._blocks_by_index[index] = block
        self.in_vendor_block = kind not in _HUB_BLOCKS
        self.needs_break = kind == "thinking" and bool(self._reasoning)
        self._vendor_bytes += len(orjson.dumps(value))
        self.finish_reason = None  # a stop reason that is followed by more of the answer was none
        if kind == "tool_use":
            yield self.add_tool_call(block.number, id=value.get("id") or "", name=value.get("name") or "")
        elif kind == "text" and isinstance(text := value.get("text"), str) and text:
            yield self.add_text(text)
        elif kind == "thinking" and isinstance(thought := value.get("thinking"), str) and thought:
            if self.needs_break:
                yield self.break_reasoning()
            yield self.add_reasoning(thought)
        if kind == "text":
            for citation in value.get("citations") or ():
                yield _vendor_delta({"type": "citations_delta", "citation": citation})

    def break_reasoning(self) -> ReasoningBreak:
        """Adds the blank line before the first words of another block of reasoning. It is no part of the block."""
        self.needs_break = False
        self._blocks[-1].pieces_before += 1
        self._reasoning.append(ReasoningBreak().text)
        return ReasoningBreak()

    def add_delta(self, index: int | None, delta: dict[str, Any]) -> Iterator[Event | None]:
        """Adds a piece of a block that is neither text of the answer nor reasoning."""
        block = self._find_block(index)
        if block is None:
            if "partial_json" in delta:
                raise StreamBroken(f"{self.title} went on with a tool call that it had not begun.")
            return
        self._vendor_bytes += len(orjson.dumps(delta))
        if block.kind == "tool_use" and (piece := delta.get("partial_json")):
            block.pieces.setdefault("partial_json", []).append(_as_json(piece))
            yield self.add_tool_call(block.number, arguments=_as_json(piece))
        elif block.kind not in _HUB_BLOCKS:
            for name in delta.keys() - {"type"}:
                block.pieces.setdefault(name, []).append(delta[name])
        elif "signature" in delta:
            block.value["signature"] = delta["signature"]
        elif not _TEXT_FIELDS & delta.keys():  # what comes here with such a field is empty
            if "citation" in delta:
                block.pieces.setdefault("citations", []).append([delta["citation"]])
            yield _vendor_delta(delta)

    def stop_block(self, index: int | None) -> Iterator[Event | None]:
        """Ends a block."""
        if (block := self._find_block(index)) is not None:
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
        if self._blocks:
            content = [block.value for block in self._blocks if _can_be_kept(block)]
            vendor_kinds = dict.fromkeys(block.kind for block in self._blocks if block.kind not in _UNNAMED_BLOCKS)
            if vendor_kinds:
                self.has_other_content = True
                kinds = " and ".join(vendor_kinds)
                self.notes = (
                    *self.notes,
                    f"The answer has {kinds}, which only clients of Anthropic's protocol are sent.",
                )
            self.original = OriginalAnswer(
                "anthropic", {**self._end, "content": content, "usage": self._reported_usage}
            )
        if self.finish_reason == "pause_turn":
            self.notes = (*self.notes, _PAUSED)

    def _find_block(self, index: int | None) -> _Block | None:
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

    def _close(self, block: _Block) -> Iterator[Event | None]:
        if not block.is_open:
            return
        block.is_open = self.in_vendor_block = False
        value = block.value
        match block.kind:
            case "text":
                value["text"] = "".join(self._text[block.pieces_before :])
            case "thinking":
                value["thinking"] = "".join(self._reasoning[block.pieces_before :])
                if signature := value.get("signature"):
                    signed = {"type": "signature_delta", "signature": signature}
                    yield _vendor_delta(signed if value["thinking"] else value)
            case "tool_use":
                pieces = block.pieces.pop("partial_json", [])
                if not pieces and value.get("input"):  # anomalyco/opencode#38733
                    pieces = [_as_json(value["input"])]
                    yield self.add_tool_call(block.number, arguments=pieces[0])
                value["input"] = _decode("".join(pieces) or "{}")
        block.add_pieces()
        if block.kind not in _HUB_BLOCKS:
            yield _vendor_delta(value)

    def _add_usage(self, reported: object) -> None:
        if isinstance(reported, dict):
            update_usage(self._reported_usage, reported)


def _vendor_delta(data: Mapping[str, Any]) -> VendorDelta:
    return VendorDelta("anthropic", data)


def _as_json(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _decode(text: str) -> Any:
    """A tool's input; None for what is cut off. Several servers write JSON inside JSON."""
    try:
        value = orjson.loads(text)
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return None


def _can_be_kept(block: _Block) -> bool:
    """Whether the vendor would take the block back: it refuses empty texts and inputs that are no objects."""
    if block.kind == "text":
        return bool(block.value.get("text"))
    if block.kind == "thinking":
        return bool(block.value.get("thinking") or block.value.get("signature"))
    return block.kind != "tool_use" or isinstance(block.value.get("input"), dict)
