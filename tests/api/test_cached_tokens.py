"""Tokens of a cache, and what they cost: the same in every dialect, whichever protocol the provider counts them in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.api.metered import metered
from tests.api.sse import events
from tests.fault_server.dictated import FOR_ANY_MODEL, dictation

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServer

JSONObject = dict[str, Any]
DIALECTS = ("/v1/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses")
COUNTS = {
    "prompt_tokens": 3700, "completion_tokens": 50, "total_tokens": 3750, "cached_tokens": 2000,
    "cache_write_tokens": 700,
}  # fmt: skip


def sse(*data: JSONObject) -> bytes:
    return b"".join(f"event: {item.get('type', '')}\ndata: {json.dumps(item)}\n\n".encode() for item in data)


def message(usage: JSONObject) -> bytes:
    """An answer in Anthropic's words."""
    head: JSONObject = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [],
    }
    return sse(
        {"type": "message_start", "message": {**head, "stop_reason": None, "usage": {**usage, "output_tokens": 1}}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Low tide."}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 50}},
        {"type": "message_stop"},
    )


def completion(usage: JSONObject) -> bytes:
    """An answer in the words of chat completions."""
    head: JSONObject = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-6-luna"}
    choice: JSONObject = {"index": 0, "delta": {"role": "assistant", "content": "Low tide."}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    chunks: list[JSONObject] = [{"choices": [choice]}, {"choices": [end]}, {"choices": [], "usage": usage}]
    return sse(*({**head, **chunk} for chunk in chunks)) + b"data: [DONE]\n\n"


def response(usage: JSONObject) -> bytes:
    """An answer in the words of Responses."""
    text = {"type": "output_text", "text": "Low tide.", "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [text]}
    whole: JSONObject = {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-6-luna",
        "status": "completed",
        "output": [item],
    }
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    return sse(
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        {"type": "response.output_text.delta", "delta": "Low tide.", **place},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": {**whole, "usage": usage}},
    )


OPENAIS = {
    "prompt_tokens": 3700, "completion_tokens": 50, "total_tokens": 3750,
    "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 700},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Upstream:
    """Who is asked, the answer, and what it must cost, in billionths of a dollar."""

    target: str
    answer: bytes
    nanodollars: int
    hour: int = 0
    dialects: tuple[str, ...] = DIALECTS


UPSTREAMS = {
    # Dollars for a million tokens: 0.1 of the prompt, 0.01 read, 0.125 written, 0.2 for an hour, 0.5 of the answer
    "anthropic": Upstream(
        "anthropic/claude-haiku-5-5",
        message({"input_tokens": 1000, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 700,
                 "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 400}}),
        100_000 + 20_000 + 37_500 + 80_000 + 25_000,
        hour=400,
    ),
    "anthropic, five minutes": Upstream(
        "anthropic/claude-haiku-5-5",
        message({"input_tokens": 1000, "cache_read_input_tokens": 2000, "cache_creation_input_tokens": 700}),
        100_000 + 20_000 + 87_500 + 25_000,
    ),
    # 0.1 of the prompt, 0.01 read, 0.125 written, 0.5 of the answer
    "chat completions": Upstream(
        "openai/gpt-6-luna", completion(OPENAIS), 100_000 + 20_000 + 87_500 + 25_000, dialects=DIALECTS[:3]
    ),
    # 1.25 of the prompt, also where it is written, 0.125 read, 10 of the answer
    "responses": Upstream(
        "openai/gpt-5-codex",
        response({"input_tokens": 3700, "input_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 700},
                  "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 3750}),
        1_250_000 + 250_000 + 875_000 + 500_000,
    ),
    # A price of the owner's holds for every token of the prompt
    "a server": Upstream("mine/ok", completion(OPENAIS), 370_000 + 25_000),
}  # fmt: skip


def expected_usage(dialect: str, hour: int) -> JSONObject:
    match dialect:
        case "/v1/chat":
            return COUNTS | ({"cache_write_1h_tokens": hour} if hour else {})
        case "/v1/chat/completions":
            return {name: COUNTS[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")} | {
                "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 700}
            }
        case "/v1/messages":
            counts = {
                "input_tokens": 1000, "output_tokens": 50, "cache_read_input_tokens": 2000,
                "cache_creation_input_tokens": 700,
            }  # fmt: skip
            created = {"ephemeral_5m_input_tokens": 700 - hour, "ephemeral_1h_input_tokens": hour}
            return counts | ({"cache_creation": created} if hour else {})
    return {
        "input_tokens": 3700, "output_tokens": 50, "total_tokens": 3750,
        "input_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 700},
    }  # fmt: skip


def told_usage(dialect: str, text: str, *, stream: bool) -> JSONObject:
    """The usage in a reply: in a stream the last one of each count."""
    if not stream:
        usage: JSONObject = json.loads(text)["usage"]
        return usage
    usage = {}
    for _, data in events(text):
        event = json.loads(data) if data.startswith("{") else {}
        holder = event.get("message") or event.get("response") or event
        usage |= holder.get("usage") or {}
    return usage


@pytest.mark.parametrize("name", UPSTREAMS)
async def test_cached_tokens_and_their_price_are_right_in_every_dialect(
    tmp_path: Path, fault_server: FaultServer, name: str
) -> None:
    upstream = UPSTREAMS[name]
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\n"
        f"ANTHROPIC_API_KEY=sk-ant-secret-123\nANTHROPIC_BASE_URL={fault_server.anthropic_url}\n"
        f"LLM_HUB_SERVERS=mine={fault_server.openai_url}\nLLM_HUB_PRICES=mine=0.1/0.5\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    turns = [{"role": "user", "content": FOR_ANY_MODEL + dictation([upstream.answer])}]
    asked = [(dialect, stream) for dialect in upstream.dialects for stream in (False, True)]
    async with metered(hub, tmp_path) as api:
        for dialect, stream in asked:
            more: JSONObject = {"max_tokens": 100} if dialect == "/v1/messages" else {}
            if stream and dialect == "/v1/chat/completions":
                more["stream_options"] = {"include_usage": True}
            reply = await api.ask(upstream.target, path=dialect, messages=turns, stream=stream, **more)
            assert reply.status_code == 200, reply.text
            told, expected = told_usage(dialect, reply.text, stream=stream), expected_usage(dialect, upstream.hour)
            assert {field: told.get(field) for field in expected} == expected, (dialect, stream, reply.text)
        rows = await api.rows(len(asked))
        assert {(row.prompt_tokens, row.cached_tokens, row.nanodollars) for row in rows} == {
            (3700, 2000, upstream.nanodollars)
        }
        today = (await api.get("/v1/usage")).json()["today"]
    assert (today["prompt_tokens"], today["cached_tokens"]) == (3700 * len(asked), 2000 * len(asked))
    assert today["price"] == pytest.approx(upstream.nanodollars * len(asked) / 1e9)
    await hub.aclose()
