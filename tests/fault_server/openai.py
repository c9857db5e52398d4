"""OpenAI's chat completions, and what compatible servers make of them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.fault_server.calls import ToolRequest
from tests.fault_server.dialect import Answer, Dialect, Refused, Reply, dump
from tests.fault_server.dictated import dictated_frames
from tests.fault_server.faults import Fault, Frame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fault_server.calls import Call
    from tests.fault_server.log import Exchange

_KINDS: dict[str, tuple[str, str | None]] = {
    "quota": ("insufficient_quota", "insufficient_quota"),
    "key": ("invalid_request_error", "invalid_api_key"),
    "unknown": ("invalid_request_error", "model_not_found"),
    "context": ("invalid_request_error", "context_length_exceeded"),
    "policy": ("invalid_request_error", "content_policy_violation"),
    "unsupported_value": ("invalid_request_error", "unsupported_value"),
    "unsupported_parameter": ("invalid_request_error", "unsupported_parameter"),
    "unknown_parameter": ("invalid_request_error", "unknown_parameter"),
}
_STATUSES: dict[int, tuple[str, str | None]] = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    429: ("requests", "rate_limit_exceeded"),
    500: ("server_error", None),
    502: ("server_error", None),
    503: ("service_unavailable_error", None),
    504: ("server_error", None),
    529: ("server_error", "engine_overloaded"),
}


_PARAMETERS: dict[str, type | tuple[type, ...]] = {
    "temperature": (int, float), "max_tokens": int, "max_completion_tokens": int, "seed": int, "top_p": (int, float),
    "stop": (list, str), "reasoning_effort": str,
}  # fmt: skip


class OpenAI(Dialect):
    """`POST /v1/chat/completions`, streamed as server-sent events."""

    name = "openai"
    chat = "/v1/chat/completions"
    content_type = "text/event-stream; charset=utf-8"
    ping = b": OPENROUTER PROCESSING\n\n"
    no_progress = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"role-only-forever",'
        b'"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
    )

    def check(self, exchange: Exchange) -> None:
        body = exchange.body
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise Refused("bad-request", "Invalid type for 'messages': expected a non-empty array.", "messages")
        for number, turn in enumerate(messages):
            _check_turn(number, turn)
        _check_calls(messages)
        if "signed" in Fault.of(exchange.model).options and "Y29ycnVwdA" in exchange.raw.decode():
            raise Refused("bad-request", "Corrupted thought signature.")
        _check_tools(body, takes_allowed="plain-tools" not in Fault.of(exchange.model).options)
        check_responses_needed(exchange)
        check_parameters(exchange, _PARAMETERS)

    def tool_request(self, body: Mapping[str, Any]) -> ToolRequest:
        functions = [tool["function"] for tool in body.get("tools") or () if tool["type"] == "function"]
        tools = {function["name"]: function.get("parameters") or {} for function in functions}
        choice = (body.get("tool_choice") if tools else None) or "auto"
        if isinstance(choice, dict) and choice["type"] == "allowed_tools":
            names = [tool.get(tool["type"], {}).get("name") for tool in choice["allowed_tools"]["tools"]]
            tools = {name: tools[name] for name in names if name in tools}
            choice = choice["allowed_tools"]["mode"]
        return ToolRequest(
            tools,
            choice if isinstance(choice, str) else choice.get("function", choice).get("name", "auto"),
            body.get("parallel_tool_calls") is not False,
        )

    def sent(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters of the request, and the fields of its messages and calls."""
        turns = body.get("messages", ())
        calls = [call for turn in turns for call in turn.get("tool_calls") or ()]
        fields = {name: value for place in (*turns, *calls) for name, value in place.items()}
        return {**fields, **body}

    def schema(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        form = body.get("response_format") or {}
        return form.get("json_schema", {}).get("schema", {}) if "json" in form.get("type", "") else None

    def sampling(self, body: Mapping[str, Any]) -> dict[str, Any]:
        names = {"stop": "stop", "seed": "seed", "top_p": "top_p", "effort": "reasoning_effort"}
        return {name: body.get(here) for name, here in names.items()}

    def has_results(self, body: Mapping[str, Any]) -> bool:
        return bool(body["messages"][-1]["role"] == "tool")

    def result_count(self, body: Mapping[str, Any]) -> int:
        return sum(turn["role"] == "tool" for turn in body["messages"])

    def error(self, status: int, kind: str, message: str, parameter: str | None = None) -> bytes:
        type_, code = _KINDS.get(kind) or _STATUSES.get(status) or ("invalid_request_error", None)
        return dump({"error": {"message": message, "type": type_, "param": parameter, "code": code}})

    def error_event(self, fault: Fault, model: str) -> bytes:
        message = "The server had an error while processing your request. Sorry about that!"
        match fault.options.get("shape"):
            case "vllm":
                error: dict[str, Any] = {"object": "error", "message": message, "type": "InternalServerError",
                    "param": None, "code": 500}  # fmt: skip
            case "openrouter":
                error = self._chunk(model, {"content": ""}, "error") | {"error": {"code": 502, "message": message}}
            case "bare":
                error = self._chunk(model, {"content": ""}, "error")
            case "text":
                error = {"error": message}
            case _:
                code = fault.options.get("code", "server_error")
                error = {"error": {"message": message, "type": code, "param": None, "code": code}}
        return self.wrap(dump(error))

    def oddity(self, name: str) -> bytes:
        if name == "choices-null":
            return self.wrap(b'{"id":"x","object":"chat.completion.chunk","created":1,"choices":null}')
        if name == "blank-lines":
            return b"\n\n:\n\nid: 7\nretry: 100\n\n"
        return (
            b'event: mystery\ndata: {"object":"chat.mystery","choices":[{"index":0,"delta":{"aura":"blue"}}],"x":1}\n\n'
        )

    def frames(self, answer: Answer, exchange: Exchange) -> list[Frame]:
        fault = answer.fault
        if (dictated := dictated_frames(answer, self.turns(exchange.body))) is not None:
            return dictated
        ascii_only = fault.name == "surrogates"

        def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> bytes:
            value = self._chunk(answer.model, delta, finish) | more
            return self.wrap(json.dumps(value).encode() if ascii_only else dump(value))

        asks_usage = bool((exchange.body.get("stream_options") or {}).get("include_usage"))
        frames = (
            [] if fault.name == "no-role" else [Frame(chunk({"role": "assistant", "content": "", "refusal": None}))]
        )
        field = fault.options.get("field", "reasoning")
        if answer.reasoning and field == "think-tag":
            thought = ("<thi", "nk>\n", *answer.reasoning, "\n</", "think>", "\n\n")
            frames += [Frame(chunk({"content": text}), "token") for text in thought]
        else:
            frames += [Frame(chunk({field: text, "content": None}), "token") for text in answer.reasoning]
        text_field = "refusal" if answer.finish == "refusal" else "content"
        frames += [Frame(chunk({text_field: text}), "token") for text in answer.text]
        for number, call in enumerate(answer.calls):
            frames += [Frame(chunk({"tool_calls": [piece]}), "token") for piece in _streamed(number, call, fault)]
        finish = "stop" if answer.finish == "refusal" or fault.options.get("as") == "gemini" else answer.finish
        frames.append(Frame(chunk({}, finish), "finish"))
        if asks_usage and fault.name != "no-usage":
            usage = Frame(chunk({}, usage=self._usage(answer), choices=[]), "finish")
            frames += [usage, usage] if fault.name == "usage-twice" else [usage]
        return [*frames, Frame(self.wrap(b"[DONE]"), "end")]

    def whole(self, answer: Answer) -> dict[str, Any]:
        finish = "stop" if answer.finish == "refusal" else answer.finish
        message: dict[str, Any] = {
            "role": "assistant", "content": "".join(answer.text), "refusal": None, "annotations": [],
        }  # fmt: skip
        if answer.calls:
            message |= {"content": message["content"] or None, "tool_calls": [_call(call) for call in answer.calls]}
        if answer.finish == "refusal":
            message |= {"content": None, "refusal": "".join(answer.text)}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_790_000_000,
            "model": answer.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": self._usage(answer),
        }

    def get(self, exchange: Exchange, models: list[str]) -> Reply | None:
        if (exchange.method, exchange.path) == ("POST", "/v1/embeddings"):
            return self._embeddings(exchange)
        if (exchange.method, exchange.path) != ("GET", "/v1/models"):
            return None
        rows = [
            {"id": model, "object": "model", "created": 1_790_000_000, "owned_by": "fault-server"} for model in models
        ]
        return Reply(200, dump({"object": "list", "data": rows}))

    def _embeddings(self, exchange: Exchange) -> Reply:
        """Vectors of each text's length, always in digits: several servers know no `encoding_format`."""
        if exchange.model.startswith("status-"):
            status = int(exchange.model[7:10])
            words = f"No vectors today for {exchange.headers.get('authorization')}."
            return Reply(status, self.error(status, "", words))
        texts = exchange.body["input"]
        texts = [texts] if isinstance(texts, str) or isinstance(texts[0], int) else texts
        rows = [{"object": "embedding", "index": n, "embedding": [float(len(text)), 0.5]}
            for n, text in enumerate(texts)]  # fmt: skip
        usage = {"prompt_tokens": 7, "total_tokens": 7}
        return Reply(200, dump({"object": "list", "data": rows, "model": exchange.model, "usage": usage}))

    @staticmethod
    def _chunk(model: str, delta: dict[str, Any], finish: str | None) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1_790_000_000,
            "model": model,
            "service_tier": "default",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
            "usage": None,
        }

    @staticmethod
    def _usage(answer: Answer) -> dict[str, Any]:
        return {
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.tokens,
            "total_tokens": answer.prompt_tokens + answer.tokens,
            "prompt_tokens_details": {"cached_tokens": answer.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": len(answer.reasoning), "audio_tokens": 0},
            **({"cost": float(cost), "is_byok": False} if (cost := answer.fault.options.get("cost")) else {}),
        }


def check_parameters(exchange: Exchange, kinds: Mapping[str, type | tuple[type, ...]]) -> None:
    """Raises `Refused` for values of other types than OpenAI takes, and for what its newer models do not take."""
    body = {name: value for name, value in exchange.body.items() if value is not None}
    for name, kind in kinds.items():
        if name in body and (not isinstance(body[name], kind) or isinstance(body[name], bool)):
            raise Refused("bad-request", f"Invalid type for '{name}'.", name)
    if "stream_options" in body and not body.get("stream"):
        raise Refused(
            "bad-request", "The 'stream_options' parameter is only allowed when 'stream' is on.", "stream_options"
        )
    if "max_tokens" in body and "max_completion_tokens" in body:
        raise Refused("bad-request", "Setting both is not supported.", "max_tokens")
    if re.match(r"gpt-[5-9]|o\d", exchange.model):
        if "max_tokens" in body:
            words = "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
            raise Refused("unsupported_parameter", f"Unsupported parameter: {words}", "max_tokens")
        if body.get("temperature", 1) != 1:
            words = f"'temperature' does not support {body['temperature']} with this model."
            raise Refused("unsupported_value", f"Unsupported value: {words}", "temperature")
        for name in ("top_p", "stop"):
            if name in body:
                words = f"'{name}' is not supported with this model."
                raise Refused("unsupported_parameter", f"Unsupported parameter: {words}", name)


def check_responses_needed(exchange: Exchange) -> None:
    """Raises `Refused` where OpenAI answers in its newer protocol alone (openai/openai-openapi#541,
    pgadmin-org/pgadmin4#9795)."""
    model = exchange.model
    if re.match(r"(gpt|o)[\w.-]*-pro", model):
        words = "This model is only supported in v1/responses and not in v1/chat/completions."
        raise Refused("", words, "model", status=404)
    if exchange.body.get("tools") and re.match(r"gpt-(5\.[4-9]|[6-9])", model):
        words = f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. "
        words += "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
        raise Refused("", words, "reasoning_effort")


def _call(call: Call, arguments: str | None = None) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments if arguments is None else arguments}
    return {"id": call.id, "type": "function", "function": function}


def _streamed(number: int, call: Call, fault: Fault) -> list[dict[str, Any]]:
    """A call in pieces, as OpenAI has them, or `as=gemini` (whole, all at one place) or `as=vllm` (with other ids)."""
    if fault.options.get("as") == "gemini":
        return [{"index": 0, **_call(call)}]
    rest = [{"index": number, "function": {"arguments": piece}} for piece in call.pieces]
    if fault.options.get("as") == "vllm":
        rest = [{"id": f"chatcmpl-tool-{place}", "type": "function", **piece} for place, piece in enumerate(rest)]
    return [{"index": number, **_call(call, "")}, *rest]


def _check_turn(number: int, turn: dict[str, Any]) -> None:
    where = f"messages[{number}]"
    if turn.get("role") not in ("system", "developer", "user", "assistant", "tool"):
        raise Refused("bad-request", f"Invalid value: '{turn.get('role')}'.", f"{where}.role")
    if not isinstance(turn.get("content"), str | list) and not turn.get("tool_calls"):
        raise Refused("bad-request", f"Invalid type for '{where}.content'.", f"{where}.content")
    for part in turn["content"] if isinstance(turn.get("content"), list) else ():
        url = part.get("image_url", {}).get("url", "") if part.get("type") == "image_url" else None
        is_image = url is None or url.startswith(("data:image/", "https://"))
        data = part.get("file", {}).get("file_data", "") if part.get("type") == "file" else None
        is_file = data is None or (data.startswith("data:application/pdf;base64,") and part["file"].get("filename"))
        if part.get("type") not in ("text", "image_url", "input_audio", "file") or not is_image or not is_file:
            raise Refused("bad-request", f"Invalid part in '{where}.content'.", f"{where}.content")


def _check_calls(messages: list[dict[str, Any]]) -> None:
    """Every call is answered, at once and by its id."""
    open_calls: list[str] = []
    for number, turn in enumerate(messages):
        if turn["role"] == "tool":
            if turn.get("tool_call_id") not in open_calls:
                words = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                raise Refused("bad-request", f"Invalid parameter: {words}", f"messages.[{number}].role")
            open_calls.remove(turn["tool_call_id"])
        elif open_calls:
            break
        open_calls += [call.get("id") or "" for call in turn.get("tool_calls") or ()]
    if open_calls:
        words = f"The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
        raise Refused("bad-request", f"An assistant message with 'tool_calls' must be followed by them. {words}")


def _check_tools(body: Mapping[str, Any], *, takes_allowed: bool) -> None:
    if not takes_allowed and isinstance(choice := body.get("tool_choice"), dict) and choice["type"] != "function":
        raise Refused("bad-request", "tool_choice: Input should be 'none', 'auto' or 'required'.", "tool_choice")
    body = {name: value for name, value in body.items() if value is not None}
    for tool in body.get("tools", ()):
        if tool.get("type") == "browser_search":  # one that runs on the server, as Groq has it
            continue
        kinds = ("function", "custom") if takes_allowed else ("function",)
        function = tool.get(tool.get("type"), {})
        if tool.get("type") not in kinds or not re.fullmatch(r"[\w-]{1,64}", function.get("name", "")):
            raise Refused("bad-request", "Invalid 'tools[0].function.name'.", "tools[0].function.name")
        if (function.get("parameters") or {"type": "object"}).get("type") != "object":
            words = "Invalid schema for function: schema must be a JSON Schema of 'type: \"object\"'."
            raise Refused("bad-request", words, "tools[0].function.parameters")
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in body and not body.get("tools"):
            raise Refused("bad-request", f"'{name}' is only allowed when 'tools' are specified.", name)
    form = body.get("response_format", {"type": "text"})
    if form.get("type") not in ("text", "json_object", "json_schema", "grammar"):
        raise Refused("bad-request", "Invalid value for 'response_format.type'.", "response_format.type")
    if form["type"] == "json_schema" and {"name", "schema"} - form.get("json_schema", {}).keys():
        raise Refused("bad-request", "Missing 'response_format.json_schema.name'.", "response_format.json_schema.name")
