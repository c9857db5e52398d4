"""A chat request in the shape of OpenAI's chat completions, which many more servers and engines understand."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from llm_hub.capabilities import CAPABILITIES
from llm_hub.chat import (
    ChatRequest,
    Document,
    Image,
    JSONFormat,
    Message,
    OneTool,
    OriginalRequest,
    Role,
    Text,
    Tool,
    ToolChoice,
)
from llm_hub.errors import ModelNotFound, NotOffered, PromptTooLong, ProviderError, UnsupportedParameter

NO_ARGUMENTS: Mapping[str, Any] = {"type": "object", "properties": {}}
"""The schema of a tool without arguments: several servers want one all the same."""
FIELDS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "parallel_tools": "parallel_tool_calls",
    "format": "response_format",
    "stop": "stop",
    "seed": "seed",
    "top_p": "top_p",
    "effort": "reasoning_effort",
}
"""The optional fields of a `ChatRequest`, and their names on the wire."""
OTHER_NAMES = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
    "seed": "random_seed",  # Mistral's
}
"""Parameters that some models take under another name only."""
LIMIT_FIELDS = ("max_tokens", "max_completion_tokens")
_DISPENSABLE = {
    "temperature": ("temperature",),
    "max_tokens": LIMIT_FIELDS,
    "parallel_tools": ("parallel_tool_calls",),
    "stop": ("stop",),
    "seed": ("seed", "random_seed"),
    "top_p": ("top_p",),
    "effort": ("reasoning_effort",),
}
"""The fields that an answer is good without, and their names on the wire. Tools and formats are what it is for."""
REQUIRED = frozenset(
    {
        "model", "messages", "stream", "tools", "tool_choice", "response_format", "functions", "function_call", "n",
        "modalities", "audio", "logprobs", "top_logprobs", "web_search_options", "search_parameters", "plugins",
        "grammar", "structured_outputs", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
    }
)  # fmt: skip
"""The parameters without which the answer would be to another question: these are never left out."""
_NEUTRAL: Mapping[str, object] = {"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"], "functions": []}
"""Of the fields that are never left out, the values that ask for nothing."""
TOOL_FIELDS = ("tools", "tool_choice", "parallel_tool_calls")
_OWN_FIELDS = frozenset({"model", "models", "messages", "stream", *LIMIT_FIELDS})
"""The fields of a client's body that are for the hub, or that the hub writes itself."""
_MESSAGE_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id", "id", "type", "function"})
"""The fields of messages and calls that are what they say."""

STATE_FIELDS = frozenset(
    {"reasoning_content", "reasoning", "reasoning_text", "thinking", "reasoning_details", "extra_content"}
)
"""The fields of messages, and of their calls, in which vendors give what they want back."""


def messages(turns: tuple[Message, ...], provider: str = "") -> list[dict[str, Any]]:
    """The conversation. Every result of a tool becomes a message of its own. The state that `provider` gave with calls
    goes back to it."""
    return [message for turn in turns for message in _messages(turn, provider)]


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, except its model and limit. A choice of tools is left out where there are no tools."""
    body: dict[str, Any] = {}
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.tools:
        body["tools"] = [describe_tool(tool) for tool in request.tools]
        if request.tool_choice is not None:
            body["tool_choice"] = _choice(request.tool_choice)
        if request.parallel_tools is not None:
            body["parallel_tool_calls"] = request.parallel_tools
    if request.format is not None:
        body["response_format"] = _format(request.format)
    if request.stop:
        body["stop"] = list(request.stop)
    if request.seed is not None:
        body["seed"] = request.seed
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if (effort := request.wanted_effort) is not None:
        body["reasoning_effort"] = effort
    return body


def from_original(request: ChatRequest, original: OriginalRequest) -> dict[str, Any]:
    """The client's own body with what the hub has changed, except its model and limit."""
    body = {name: value for name, value in original.body.items() if name not in _OWN_FIELDS or value is None}
    added = messages(request.messages[original.messages :])
    if added and request.format is None:
        body.pop("response_format", None)
    body["messages"] = [*original.body["messages"], *added]
    return body


def with_stand_ins(turn: dict[str, Any], stand_ins: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A message with calls, with something in the place of state that the vendor wants and that is not there: another
    vendor's model made them. `stand_ins` are fields of the message and of its first call."""
    calls = turn.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return turn
    first = {**stand_ins.get("call", {}), **calls[0]}
    return {**stand_ins.get("message", {}), **turn, "tool_calls": [first, *calls[1:]]}


def without_message_fields(body: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """The body without these fields of its messages, and of their calls of tools; the same one if it has none."""
    if not names or message_fields(body).isdisjoint(names):
        return body
    turns = []
    for turn in body["messages"]:
        turns.append({name: value for name, value in turn.items() if name not in names})
        if isinstance(calls := turn.get("tool_calls"), list):
            without = [{name: value for name, value in call.items() if name not in names} for call in calls]
            turns[-1]["tool_calls"] = without
    return {**body, "messages": turns}


def message_fields(body: dict[str, Any]) -> frozenset[str]:
    """The fields of the messages, and of their calls of tools, that an answer is good without: vendors add some that
    only they know, such as `reasoning_content`."""
    turns = body["messages"]
    calls = [call for turn in turns if isinstance(turn.get("tool_calls"), list) for call in turn["tool_calls"]]
    return frozenset().union(*turns, *calls) - _MESSAGE_FIELDS


def refused_message_fields(refusal: ProviderError, sent: dict[str, Any]) -> frozenset[str]:
    """The fields of the messages that a refusal names. Vendors name them in their words alone, or inside a path."""
    if refusal.status not in (400, 422):
        return frozenset()
    words = set(re.findall(r"\w+", refusal.detail))
    return frozenset(name for name in message_fields(sent) if name in words)


def left_out(body: dict[str, Any], sent: dict[str, Any]) -> tuple[str, ...]:
    """The fields of the request that are in `body` and, under none of their names, in what was sent of it."""
    known = {name for names in _DISPENSABLE.values() for name in names} | {"stream_options"}
    body = {name: value for name, value in body.items() if not asks_nothing(name, value)}
    if not body.get("tools"):  # no choice among no tools asks for anything
        body = {name: value for name, value in body.items() if name not in TOOL_FIELDS}
    return (
        *(
            field
            for field, names in _DISPENSABLE.items()
            if not body.keys().isdisjoint(names) and sent.keys().isdisjoint(names)
        ),
        *(name for name in body if name not in sent and name not in known),
        *sorted(message_fields(body) - message_fields(sent)),
    )


def asks_nothing(name: str, value: object) -> bool:
    """Whether a field's value changes nothing."""
    return value is None or (name in _NEUTRAL and value == _NEUTRAL[name])


def explain_refusal(
    refusal: ProviderError, sent: Mapping[str, Any], fields: Mapping[str, str] = FIELDS
) -> ProviderError:
    """The refusal of a request with tools or a format: where the model does not take them, it is `NotOffered`.

    `fields` are the optional fields of a `ChatRequest`, and their names on the wire.
    """
    has_tools_or_format = bool({fields["tools"], fields["format"]} & sent.keys())
    if isinstance(refusal, ModelNotFound) and (has_tools_or_format or "that support" in refusal.detail):
        # OpenRouter says 404 as well where no server behind it takes tools or images ("No endpoints found that support
        # image input"): the model may be there for others.
        refusal.breaker = "ignores"
    parameter = refusal.parameter if isinstance(refusal, UnsupportedParameter) else None
    field = next((field for field, name in fields.items() if parameter in (name, name.partition(".")[0])), None)
    if field is None:
        return refusal
    return NotOffered(
        f"{refusal.model} does not take {CAPABILITIES[field]}.",
        parameter=field,
        provider=refusal.provider,
        model=refusal.model,
        detail=refusal.detail,
        status=refusal.status,
        code=refusal.code,
    )


def explain_length(refusal: ProviderError) -> ProviderError:
    """The refusal of a prompt that is longer than the model's context, where the server does not say so."""
    return PromptTooLong(
        f"The conversation is too long for {refusal.model}.",
        provider=refusal.provider,
        model=refusal.model,
        detail=refusal.detail,
        status=refusal.status,
        code=refusal.code,
    )


def dispensable(sent: dict[str, Any]) -> frozenset[str]:
    """What of a body an answer is good without, save the limit: without it an answer may cost what nobody wanted."""
    names = {name for field, names in _DISPENSABLE.items() if field != "max_tokens" for name in names}
    return frozenset({"stream_options", *names} & sent.keys())


def describe_tool(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's shape, which Ollama takes as well."""
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters or NO_ARGUMENTS)}
    if tool.description:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _messages(turn: Message, provider: str) -> Iterator[dict[str, Any]]:
    if isinstance(turn.content, str):
        yield {"role": str(turn.role), "content": turn.content}
        return
    for result in turn.tool_results:
        yield {"role": "tool", "tool_call_id": result.call_id, "content": result.marked_text}
    message: dict[str, Any] = {"role": str(turn.role if turn.role is not Role.TOOL else Role.USER)}
    if turn.tool_calls:
        calls = []
        for call in turn.tool_calls:
            state = call.state_for(provider, "openai")
            function = {"name": call.name, "arguments": call.arguments}
            calls.append({**_object(state, "call"), "id": call.id, "type": "function", "function": function})
            fields = _object(state, "message")
            message |= {name: fields[name] for name in fields.keys() & STATE_FIELDS}
        yield message | {"content": turn.text or None, "tool_calls": calls}
    elif turn.images or turn.documents:
        parts = (part for part in turn.content if isinstance(part, Text | Image | Document))
        yield message | {"content": [_part(part) for part in parts]}
    elif turn.text or not turn.tool_results:
        yield message | {"content": turn.text}


def pin_host(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request for `model@host`: of the model, at that one of OpenRouter's providers and no other."""
    model, _, host = body["model"].partition("@")
    if not host or host.startswith("preset/"):  # a preset is a name of OpenRouter's own
        return {**body}
    return {**body, "model": model, "provider": {**_object(body, "provider"), "only": [host], "allow_fallbacks": False}}


def _object(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A part of the state, which a client may have changed."""
    value = state.get(name)
    return value if isinstance(value, dict) else {}


def _part(part: Text | Image | Document) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    url = f"data:{part.media_type};base64,{base64.b64encode(part.data).decode()}"
    if isinstance(part, Document):
        return {"type": "file", "file": {"filename": part.name, "file_data": url}}
    return {"type": "image_url", "image_url": {"url": part.url or url}}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    if isinstance(choice, OneTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def _format(json_format: JSONFormat) -> dict[str, Any]:
    if json_format.schema is None:
        return {"type": "json_object"}
    description: dict[str, Any] = {"name": json_format.name, "schema": dict(json_format.schema)}
    if json_format.strict is not None:
        description["strict"] = json_format.strict
    return {"type": "json_schema", "json_schema": description}
