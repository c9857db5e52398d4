"""Answers as Anthropic streams them, and the messages that they amount to. The words are our own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.fault_server.dictated import MODEL

__all__ = ["ANSWERS", "MODEL", "Answer", "stream_of"]

_USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 300,
    "cache_read_input_tokens": 4000,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "inference_geo": "eu",
    "server_tool_use": None,
    "service_tier": "standard",
}
_HEAD = {"id": "msg_011", "type": "message", "role": "assistant", "model": "claude-tug", "container": None,
    "stop_details": None, "context_management": None}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """The events of a stream, and the message without its model's name."""

    events: list[dict[str, Any]]
    whole: dict[str, Any]


def stream_of(answer: Answer) -> list[bytes]:
    """The bytes of the stream, an event a piece."""
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in answer.events]


def _answer(*blocks: tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]], end: dict[str, Any],
        usage: dict[str, Any], **top: Any) -> Answer:  # fmt: skip
    """An answer of blocks, each as it begins, its deltas, and as it is in the end. `top` is beside the last delta."""
    begun: dict[str, Any] = {
        **_HEAD,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**_USAGE, "output_tokens": 1},
    }
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for index, (start, deltas, _) in enumerate(blocks):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": end, "usage": usage, **top}, {"type": "message_stop"}]
    head = {name: value for name, value in _HEAD.items() if name != "model"}
    content = [whole for _, _, whole in blocks]
    return Answer(events, {**head, **end, **top, "content": content, "usage": {**_USAGE, **usage}})


def _text(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "text_delta", "text": piece} for piece in pieces]


_CITATIONS = [
    {"type": "web_search_result_location", "url": "https://tide.test", "title": "Tide", "encrypted_index": "aW5k",
        "cited_text": cited}
    for cited in ("six", "noon")
]  # fmt: skip
_SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {},
    "caller": {"type": "direct"}}  # fmt: skip
_FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "caller": {"type": "direct"}, "content": [
    {"type": "web_search_result", "url": "https://tide.test", "title": "Tide", "encrypted_content": "ZW5j",
        "page_age": None}]}  # fmt: skip
_CALL = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}, "caller": {"type": "direct"}}
_SEALED = {"type": "redacted_thinking", "data": "c2VhbGVk"}
_THOUGHT = {"type": "thinking", "thinking": "", "signature": ""}


def _cited(text: str, citation: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    start = {"type": "text", "text": "", "citations": []}
    deltas = [{"type": "citations_delta", "citation": citation}, *_text(text)]
    return start, deltas, {"type": "text", "text": text, "citations": [citation]}


ANSWERS = {
    "thinking-and-call": _answer(
        (_THOUGHT, [{"type": "thinking_delta", "thinking": "Six"}, {"type": "thinking_delta", "thinking": " or so."},
            {"type": "signature_delta", "signature": "c2lnbmVk"}],
            {"type": "thinking", "thinking": "Six or so.", "signature": "c2lnbmVk"}),
        (_SEALED, [], _SEALED),
        ({"type": "text", "text": "", "citations": None}, _text("I", " look."),
            {"type": "text", "text": "I look.", "citations": None}),
        (_CALL, [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"pa', 'th": "a"}')],
            {**_CALL, "input": {"path": "a"}}),
        end={"stop_reason": "tool_use", "stop_sequence": None, "stop_details": None,
            "container": {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"}},
        usage={"output_tokens": 40, "output_tokens_details": {"thinking_tokens": 9}},
        context_management={"applied_edits": [
            {"type": "clear_thinking_20251015", "cleared_input_tokens": 7, "cleared_thinking_turns": 1}]},
    ),
    "hidden-thinking": _answer(
        (_THOUGHT, [{"type": "signature_delta", "signature": "c2lnbmVk"}], _THOUGHT | {"signature": "c2lnbmVk"}),
        ({"type": "text", "text": ""}, _text("Six."), {"type": "text", "text": "Six."}),
        end={"stop_reason": "stop_sequence", "stop_sequence": "END"},
        usage={"output_tokens": 3},
    ),
    "search": _answer(
        (_SEARCH, [{"type": "input_json_delta", "partial_json": '{"query": "tide"}'}],
            {**_SEARCH, "input": {"query": "tide"}}),
        (_FOUND, [], _FOUND),
        ({"type": "text", "text": ""}, _text("Low water is at "), {"type": "text", "text": "Low water is at "}),
        _cited("six", _CITATIONS[0]),
        ({"type": "text", "text": ""}, _text(", and high at "), {"type": "text", "text": ", and high at "}),
        _cited("noon", _CITATIONS[1]),
        end={"stop_reason": "pause_turn", "stop_sequence": None},
        usage={"output_tokens": 30, "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}},
    ),
}  # fmt: skip
