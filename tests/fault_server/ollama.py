"""Ollama's chat, as lines of JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.fault_server.calls import ToolRequest
from tests.fault_server.dialect import Answer, Dialect, Refused, Reply, dump
from tests.fault_server.dictated import dictated_frames
from tests.fault_server.faults import Fault, Frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fault_server.calls import Call
    from tests.fault_server.log import Exchange

_WHEN = "2026-11-22T12:00:00.123456789Z"


class Ollama(Dialect):
    """`POST /api/chat`, streamed unless the request says no."""

    name = "ollama"
    chat = "/api/chat"
    content_type = "application/x-ndjson"
    ping = b"\n"
    no_progress = (
        b'{"model":"role-only-forever","created_at":"2026-11-22T12:00:00Z",'
        b'"message":{"role":"assistant","content":""},"done":false}\n'
    )

    def check(self, exchange: Exchange) -> None:
        body = exchange.body
        if not body.get("model"):
            raise Refused("bad-request", "model is required")
        for turn in body.get("messages", []):
            if turn.get("role") not in ("system", "user", "assistant", "tool"):
                raise Refused("bad-request", f"invalid role: {turn.get('role')}")
            if not isinstance(turn.get("content"), str):
                raise Refused(
                    "bad-request", "json: cannot unmarshal array into Go struct field ChatRequest.messages.content"
                )
            if any(not isinstance(call["function"].get("arguments"), dict) for call in turn.get("tool_calls", [])):
                raise Refused("bad-request", "json: cannot unmarshal string into Go struct field ToolCallFunction")
            if any(image.startswith("data:") for image in turn.get("images", [])):
                raise Refused("bad-request", "illegal base64 data at input byte 4")
        for field, capability in (("tools", "tools"), ("think", "thinking")):
            if body.get(field) and capability not in _capabilities(exchange.model):
                raise Refused("bad-request", f'"{exchange.model}" does not support {capability}')
        levels = Fault.of(exchange.model).options.get("levels", "low,medium,high").split(",")
        if isinstance(body.get("think"), str) and body["think"] not in levels:
            raise Refused("bad-request", f'think value "{body["think"]}" is not supported for this model')
        if "format" in body and not (body["format"] == "json" or isinstance(body["format"], dict)):
            raise Refused("bad-request", 'invalid format: expected "json" or a JSON schema object')

    def tool_request(self, body: Mapping[str, Any]) -> ToolRequest:
        return ToolRequest({tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools", [])})

    def schema(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        form = body.get("format")
        return {} if form == "json" else form

    def sampling(self, body: Mapping[str, Any]) -> dict[str, Any]:
        options = body.get("options", {})
        return {name: options.get(name) for name in ("stop", "seed", "top_p")} | {"effort": body.get("think")}

    def has_results(self, body: Mapping[str, Any]) -> bool:
        return bool(body["messages"][-1]["role"] == "tool")

    def result_count(self, body: Mapping[str, Any]) -> int:
        return sum(turn["role"] == "tool" for turn in body["messages"])

    def error(self, status: int, kind: str, message: str, parameter: str | None = None) -> bytes:
        if status == 503:
            message = "server busy, please try again.  maximum pending requests exceeded"
        return dump({"error": message})

    def error_event(self, fault: Fault, model: str) -> bytes:
        return self.wrap(dump({"error": "llama runner process has terminated: signal: killed"}))

    def wrap(self, payload: bytes) -> bytes:
        return payload + b"\n"

    def oddity(self, name: str) -> bytes:
        return self.wrap(dump({"aura": "blue"})) if name == "unknown-events" else b"\n\r\n"

    def streams(self, body: Mapping[str, Any]) -> bool:
        return body.get("stream", True) is not False

    def sent(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**body, **body.get("options", {})}

    def frames(self, answer: Answer, exchange: Exchange) -> list[Frame]:
        def line(message: dict[str, Any], **more: Any) -> bytes:
            value = {
                "model": answer.model,
                "created_at": _WHEN,
                "message": {"role": "assistant", **message},
                "done": False,
            }
            return self.wrap(
                json.dumps(value | more).encode() if answer.fault.name == "surrogates" else dump(value | more)
            )

        if (dictated := dictated_frames(answer, self.turns(exchange.body))) is not None:
            return dictated
        if answer.finish == "load":
            return [Frame(line({"content": ""}, done=True, done_reason="load"), "finish")]
        frames = []
        if answer.reasoning and answer.fault.options.get("field") == "think-tag":
            thought = ("<think>", "\n", *answer.reasoning, "\n", "</think>", "\n\n")
            frames += [Frame(line({"content": text}), "token") for text in thought]
        else:
            frames += [Frame(line({"content": "", "thinking": text}), "token") for text in answer.reasoning]
        frames += [Frame(line({"content": text}), "token") for text in answer.text]
        for number, call in enumerate(answer.calls):
            whole = line({"content": "", "tool_calls": [_call(number, call)]})
            cut = len(whole) // 2 if answer.fault.options.get("as") == "scripted" else 0  # in the middle of the call
            frames += [Frame(part, "token") for part in (whole[:cut], whole[cut:]) if part]
        frames.append(Frame(line({"content": ""}, **self._last(answer)), "finish"))
        return frames

    def whole(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(answer.text)}
        if answer.calls:
            message["tool_calls"] = [_call(number, call) for number, call in enumerate(answer.calls)]
        return {"model": answer.model, "created_at": _WHEN, "message": message, **self._last(answer)}

    def get(self, exchange: Exchange, models: list[str]) -> Reply | None:
        details = {"family": "llama", "families": ["llama"], "format": "gguf", "parameter_size": "3B",
            "quantization_level": "Q4_K_M", "parent_model": ""}  # fmt: skip
        rows: list[dict[str, Any]] = [{"name": model, "model": model,
            "size": 2_000_000_000, "digest": "a80c4f17acd5", "details": details}
            for model in models]  # fmt: skip
        match (exchange.method, exchange.path):
            case ("GET", "/api/tags"):
                return Reply(200, dump({"models": [row | {"modified_at": _WHEN} for row in rows]}))
            case ("GET", "/api/ps"):
                loaded = [row | {"expires_at": _WHEN, "size_vram": 0, "context_length": 4096} for row in rows]
                return Reply(200, dump({"models": [row for row in loaded if not row["name"].startswith("unloaded")]}))
            case ("POST", "/api/show"):
                info = {"general.architecture": "llama", "llama.context_length": 131_072}
                show = {"details": details, "model_info": info, "parameters": ""}
                show["capabilities"] = _capabilities(str(exchange.body.get("model")))
                return Reply(200, dump(show))
            case ("GET", "/api/version"):
                return Reply(200, dump({"version": "0.30.0"}))
            case ("GET", "/"):
                return Reply(200, b"Ollama is running", {"content-type": "text/plain"})
        return None

    @staticmethod
    def _last(answer: Answer) -> dict[str, Any]:
        counts: dict[str, Any] = {
            "done": True,
            "done_reason": "stop" if answer.finish == "tool_calls" else answer.finish,
            "total_duration": 1_200_000_000,
            "load_duration": 20_000_000,
        }
        if answer.fault.name == "no-usage":
            return counts
        prompt = int(answer.fault.number("prompt-tokens", answer.prompt_tokens))
        counts |= {"prompt_eval_count": prompt, "prompt_eval_duration": 100_000_000}
        return counts | {"eval_count": answer.tokens, "eval_duration": 900_000_000}


def _capabilities(model: str) -> list[str]:
    """What a model can do besides chatting; `can=` in its name, with commas, says otherwise."""
    can = Fault.of(model).options.get("can", "tools,thinking")
    return ["completion", *can.split(",")]


def _call(number: int, call: Call) -> dict[str, Any]:
    return {"function": {"index": number, "name": call.name, "arguments": json.loads(call.arguments)}}
