"""Anthropic's messages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fault_server.calls import ToolRequest
from tests.fault_server.dialect import Answer, Dialect, Refused, Reply, dump
from tests.fault_server.dictated import dictated_frames
from tests.fault_server.faults import Fault, Frame
from tests.fault_server.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fault_server.calls import Call
    from tests.fault_server.log import Exchange

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_FINISH = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}
_TAKES_NO_TEMPERATURE = re.compile(r"claude-(fable|opus-5|sonnet-5|haiku-5)")
_TITLES = {"claude-fable-5-2": "Claude Fable 5.2", "claude-opus-5-5": "Claude Opus 5.5"}


class Anthropic(Dialect):
    """`POST /v1/messages`, streamed as named server-sent events."""

    name = "anthropic"
    chat = "/v1/messages"
    content_type = "text/event-stream; charset=utf-8"
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    no_progress = (
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        b'"delta":{"type":"text_delta","text":""}}\n\n'
    )

    def check(self, exchange: Exchange) -> None:
        body = exchange.body
        version = exchange.headers.get("anthropic-version")
        if version is None:
            raise Refused("bad-request", "anthropic-version: header is required")
        if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 0:
            raise Refused("bad-request", "max_tokens: Field required")
        for name in ("temperature", "top_p", "top_k"):
            if name in body and (version >= "2026-10-21" or _TAKES_NO_TEMPERATURE.match(exchange.model)):
                raise Refused("bad-request", f"{name}: this parameter is not supported by this version of the API")
        if not 0 <= body.get("temperature", 0) <= 1:
            raise Refused("bad-request", "temperature: range: 0..1")
        turns = body.get("messages")
        if not isinstance(turns, list) or not turns:
            raise Refused("bad-request", "messages: at least one message is required")
        if turns[0].get("role") != "user":
            raise Refused("bad-request", 'messages: first message must use the "user" role')
        for number, turn in enumerate(turns):
            self._check_turn(number, turn)
            if number and turn["role"] == turns[number - 1]["role"]:
                raise Refused("bad-request", 'messages: roles must alternate between "user" and "assistant"')
        if turns[-1]["role"] == "assistant":
            raise Refused("bad-request", "This model does not support assistant message prefill. "
                "The conversation must end with a user message.")  # fmt: skip
        _check_calls(turns)
        _check_options(body)
        system = body.get("system")
        if system is not None and not plain(system).strip():
            raise Refused("bad-request", "system: text content blocks must be non-empty")
        if isinstance(system, list):
            _check_texts("system", system)

    @staticmethod
    def _check_turn(number: int, turn: dict[str, Any]) -> None:
        if turn.get("role") not in _BLOCKS or (turn["role"] == "system" and number == 0):
            raise Refused("bad-request", f'messages.{number}: Unexpected role "{turn.get("role")}".')
        content = turn.get("content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list) or not blocks:
            raise Refused("bad-request", f"messages.{number}: all messages must have non-empty content")
        _check_texts(f"messages.{number}", blocks)
        for block in blocks:
            if block.get("type") == "tool_result" and isinstance(block.get("content"), list):
                _check_texts(f"messages.{number}", block["content"])
            fields = {"type", "url"} if block.get("source", {}).get("type") == "url" else {"type", "media_type", "data"}
            if block.get("type") == "image" and fields - set(block.get("source", {})):
                raise Refused("bad-request", f"messages.{number}: image.source: Field required")
            if block.get("type") == "document" and not block.get("source", {}).get("type"):
                raise Refused("bad-request", f"messages.{number}: document.source: Field required")
            if block.get("type") == "tool_use" and not (
                isinstance(block.get("input"), dict) and re.fullmatch(r"[\w-]+", block.get("id", ""), re.ASCII)
            ):
                raise Refused("bad-request", f"messages.{number}: tool_use.input: Input should be a valid dictionary")
            if block.get("type") == "thinking" and not block.get("signature"):
                raise Refused("bad-request", f"messages.{number}: Invalid `signature` in `thinking` block")
            if block.get("type") not in _BLOCKS[turn["role"]]:
                raise Refused("bad-request", f"messages.{number}: Input tag '{block.get('type')}' is not expected")

    def tool_request(self, body: Mapping[str, Any]) -> ToolRequest:
        choice = body.get("tool_choice") or {"type": "auto"}
        word = {"any": "required", "tool": choice.get("name", "")}.get(choice["type"], choice["type"])
        tools = {tool["name"]: tool["input_schema"] for tool in body.get("tools", []) if "input_schema" in tool}
        return ToolRequest(tools, word, not choice.get("disable_parallel_tool_use", False))

    def schema(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        form = body.get("output_config", {}).get("format")
        return form["schema"] if form else None

    def sampling(self, body: Mapping[str, Any]) -> dict[str, Any]:
        effort = body.get("output_config", {}).get("effort")
        return {"stop": body.get("stop_sequences"), "top_p": body.get("top_p"), "effort": effort}

    def has_results(self, body: Mapping[str, Any]) -> bool:
        content = body["messages"][-1].get("content")
        return isinstance(content, list) and any(block["type"] == "tool_result" for block in content)

    def result_count(self, body: Mapping[str, Any]) -> int:
        blocks = [
            block for turn in body["messages"] if isinstance(turn.get("content"), list) for block in turn["content"]
        ]
        return sum(block["type"] == "tool_result" for block in blocks)

    def error(self, status: int, kind: str, message: str, parameter: str | None = None) -> bytes:
        error: dict[str, Any] = {"type": _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")}
        error["message"] = message
        if kind == "quota":
            error |= {"type": "billing_error"}
        if kind == "policy":
            error["message"] = "Output blocked by content filtering policy"
        return dump({"type": "error", "error": error, "request_id": "req_011"})

    def error_event(self, fault: Fault, model: str) -> bytes:
        kind = fault.options.get("code", "overloaded_error")
        return b"event: error\n" + self.wrap(dump({"type": "error", "error": {"type": kind, "message": "Overloaded"}}))

    def oddity(self, name: str) -> bytes:
        if name == "blank-lines":
            return b"\n\n: hello\n\nid: 7\nretry: 100\n\n"
        return (
            b'event: aura\ndata: {"type":"aura","index":0,"delta":{"type":"aura_delta","text":"x"}}\n\n'
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
            b'"delta":{"type":"aura_delta","aura":"x"}}\n\n'
        )

    def frames(self, answer: Answer, exchange: Exchange) -> list[Frame]:
        if (dictated := dictated_frames(answer, self.turns(exchange.body))) is not None:
            return dictated
        ascii_only = answer.fault.name == "surrogates"

        def event(type_: str, **fields: Any) -> bytes:
            value = {"type": type_, **fields}
            return f"event: {type_}\n".encode() + self.wrap(json.dumps(value).encode() if ascii_only else dump(value))

        def delta(index: int, **fields: Any) -> bytes:
            return event("content_block_delta", index=index, delta=fields)

        message = self._message(answer, []) | {"usage": self._usage(answer, 1)}
        frames = [Frame(event("message_start", message=message))]
        index = 0
        if answer.reasoning:
            block = {"type": "thinking", "thinking": "", "signature": ""}
            frames.append(Frame(event("content_block_start", index=0, content_block=block)))
            frames += [Frame(delta(0, type="thinking_delta", thinking=text), "token") for text in answer.reasoning]
            frames.append(Frame(delta(0, type="signature_delta", signature="EqQBCgIYAg==")))
            frames.append(Frame(event("content_block_stop", index=0)))
            redacted = {"type": "redacted_thinking", "data": "EmwKAhgB"}
            frames.append(Frame(event("content_block_start", index=1, content_block=redacted)))
            frames.append(Frame(event("content_block_stop", index=1)))
            index = 2
        if answer.text or not answer.calls:
            frames.append(Frame(event("content_block_start", index=index, content_block=_text(""))))
            frames.append(Frame(event("ping")))
            frames += [Frame(delta(index, type="text_delta", text=text), "token") for text in answer.text]
            frames.append(Frame(event("content_block_stop", index=index), "head" if answer.calls else "finish"))
            index += 1
        for place, call in enumerate(answer.calls, index):
            frames.append(Frame(event("content_block_start", index=place, content_block=_tool_use(call, {}))))
            frames += [
                Frame(delta(place, type="input_json_delta", partial_json=piece), "token")
                for piece in ("", *(() if call.arguments == "{}" else call.pieces))
            ]
            frames.append(Frame(event("content_block_stop", index=place)))
        fields: dict[str, Any] = {"stop_reason": _FINISH.get(answer.finish, answer.finish)}
        fields["stop_sequence"] = answer.fault.options.get("by") if answer.finish == "stop_sequence" else None
        if answer.finish == "refusal":
            fields["stop_details"] = _refusal(answer)
        usage = Frame(event("message_delta", delta=fields, usage={"output_tokens": answer.tokens}), "finish")
        frames += [usage, usage] if answer.fault.name == "usage-twice" else [usage]
        return [*frames, Frame(event("message_stop"), "end")]

    def whole(self, answer: Answer) -> dict[str, Any]:
        blocks = [_text("".join(answer.text))] if answer.text else []
        blocks += [_tool_use(call, json.loads(call.arguments)) for call in answer.calls]
        message = self._message(answer, blocks)
        stop = _FINISH.get(answer.finish, answer.finish)
        if answer.finish == "refusal":
            message["stop_details"] = _refusal(answer)
        return message | {"stop_reason": stop, "usage": self._usage(answer, answer.tokens)}

    def turns(self, body: Any) -> list[tuple[str, str]]:
        return [("system", plain(body["system"])), *super().turns(body)] if "system" in body else super().turns(body)

    def get(self, exchange: Exchange, models: list[str]) -> Reply | None:
        if (exchange.method, exchange.path) == ("POST", f"{self.chat}/count_tokens"):
            words = sum(len(text.split()) for _, text in self.turns(exchange.body))
            return Reply(200, dump({"input_tokens": words, "context_management": {"original_input_tokens": words + 1}}))
        if (exchange.method, exchange.path) != ("GET", "/v1/models"):
            return None
        rows = [
            {
                "type": "model",
                "id": model,
                "display_name": _TITLES.get(model, model.replace("-", " ").title()),
                "created_at": "2026-06-01T00:00:00Z",
                "lifecycle": "active",
                "deprecated_at": None,
                "line": None,
                "max_input_tokens": 1_000_000,
                "max_tokens": 64_000,
                "capabilities": None,
            }
            for model in models
        ]
        ends = {"first_id": models[0] if models else None, "last_id": models[-1] if models else None}
        return Reply(200, dump({"data": rows, "has_more": False, **ends}))

    @staticmethod
    def _message(answer: Answer, content: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": "msg_01",
            "type": "message",
            "role": "assistant",
            "model": answer.model,
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "container": None,
        }

    @staticmethod
    def _usage(answer: Answer, output: int) -> dict[str, Any]:
        return {
            "input_tokens": answer.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output,
            "output_tokens_details": None,
            "server_tool_use": None,
            "service_tier": "standard",
            "inference_geo": "global",
        }


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "citations": None}


def _tool_use(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    block = {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}
    return {**block, "caller": {"type": "direct"}}


_BLOCKS = {
    "user": ("text", "image", "tool_result", "document"),
    "assistant": (
        "text", "image", "thinking", "redacted_thinking", "tool_use", "server_tool_use", "web_search_tool_result",
    ),
    "system": ("text",),
}  # fmt: skip
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def _check_texts(where: str, blocks: list[dict[str, Any]]) -> None:
    for block in blocks:
        if block.get("type") == "text" and not block.get("text", "").strip():
            raise Refused("bad-request", f"{where}: text content blocks must contain non-whitespace text")


def _check_calls(turns: list[dict[str, Any]]) -> None:
    """Every call is answered in the next turn, before anything else there."""
    called: list[str] = []
    for number, turn in enumerate(turns):
        blocks = turn["content"] if isinstance(turn.get("content"), list) else []
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(called):
            raise Refused("bad-request", f"messages.{number}: `tool_use` ids and `tool_result` blocks do not match")
        if any(block["type"] != "tool_result" for block in blocks[: len(results)]):
            raise Refused("bad-request", f"messages.{number}: tool_result blocks must come first in content")
        called = [block["id"] for block in blocks if block["type"] == "tool_use"]


def _check_options(body: Mapping[str, Any]) -> None:
    known = {"model", "messages", "max_tokens", "stream", "system", "temperature", "top_p", "top_k", "tools",
        "tool_choice", "output_config", "stop_sequences", "thinking", "metadata", "service_tier", "container",
        "context_management", "mcp_servers", "cache_control"}  # fmt: skip
    if unknown := body.keys() - known:
        raise Refused("bad-request", f"{min(unknown)}: Extra inputs are not permitted")
    for number, tool in enumerate(body.get("tools", ())):
        if tool.get("type", "custom") != "custom":  # one of the vendor's own, with fields of its own
            continue
        if tool.keys() - {"name", "type", "description", "input_schema", "strict", "cache_control", "defer_loading"}:
            raise Refused("bad-request", f"tools.{number}: Extra inputs are not permitted")
        if tool.get("input_schema", {}).get("type") != "object":
            raise Refused("bad-request", f"tools.{number}.custom.input_schema.type: Field required")
    if body.get("tool_choice") and not body.get("tools"):
        raise Refused("bad-request", "tool_choice: tools are required")
    thinking = body.get("thinking") or {}
    if thinking.get("type") == "enabled":
        if thinking["budget_tokens"] < 1024 or "budgets=no" in body["model"]:
            raise Refused("bad-request", "thinking.enabled.budget_tokens: Input should be greater than 1024")
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            raise Refused("bad-request", "Thinking may not be enabled when tool_choice forces tool use.")
    config = body.get("output_config", {})
    if "effort" in config and (config["effort"] not in _EFFORTS or body["model"].startswith("claude-haiku")):
        raise Refused("bad-request", "output_config.effort: this model does not support the effort parameter.")
    if "format" in config and config["format"].keys() != {"type", "schema"}:
        raise Refused("bad-request", "output_config.format: Extra inputs are not permitted")
    if any(not stop.strip() for stop in body.get("stop_sequences", ())):
        raise Refused("bad-request", "stop_sequences: each stop sequence must contain non-whitespace")


def _refusal(answer: Answer) -> dict[str, Any]:
    return {"type": "refusal", "category": None, "explanation": "".join(answer.text)}
