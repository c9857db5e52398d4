"""A chat request in the shape of Ollama's /api/chat."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.providers.openai_body import describe_tool

_THINK: dict[str, bool | str] = {"none": False, "low": "low", "medium": "medium", "high": "high"}


def messages(turns: tuple[Message, ...], provider: str = "") -> list[dict[str, Any]]:
    """The conversation. Every result of a tool becomes a message of its own, with that tool's name. The reasoning that
    led `provider` to calls goes back to it."""
    names = {call.id: call.name for turn in turns for call in turn.tool_calls}
    return [message for turn in turns for message in _messages(turn, names, provider)]


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, except its model. Tools that must not be called are left out: nothing else keeps the model
    from it."""
    sampling: dict[str, Any] = {
        "temperature": request.temperature,
        "num_predict": request.max_tokens,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "top_p": request.top_p,
    }
    body: dict[str, Any] = {"options": {name: value for name, value in sampling.items() if value is not None}}
    if request.tools and request.tool_choice != "none":
        body["tools"] = [describe_tool(tool) for tool in request.tools]
    if request.format is not None:
        body["format"] = "json" if request.format.schema is None else dict(request.format.schema)
    if (effort := request.wanted_effort) in _THINK:
        body["think"] = _THINK[effort]
    return body


def without_thinking(body: dict[str, Any]) -> dict[str, Any]:
    """The body for a model that does not reason, and refuses an effort."""
    return {name: value for name, value in body.items() if name != "think"}


def without_level(body: dict[str, Any]) -> dict[str, Any]:
    """The body for a model that reasons or does not, and knows no levels of it."""
    return body | {"think": True} if isinstance(body.get("think"), str) else body


def left_out(request: ChatRequest, sent: dict[str, Any]) -> tuple[str, ...]:
    """The settings that the model was not sent: an effort that it has no word for, and strict tool calls."""
    effort = request.wanted_effort
    is_sent = effort is None or (effort in _THINK and sent.get("think") == _THINK[effort])
    ignored = () if is_sent else ("effort",)
    return (*ignored, "strict") if any(tool.strict for tool in request.tools) else ignored


def _messages(turn: Message, names: dict[str, str], provider: str) -> Iterator[dict[str, Any]]:
    if isinstance(turn.content, str):
        yield {"role": str(turn.role), "content": turn.content}
        return
    for result in turn.tool_results:
        yield {
            "role": "tool",
            "content": result.marked_text,
            "tool_name": names.get(result.call_id, ""),
            "tool_call_id": result.call_id,
        }
    if turn.tool_results and not turn.text and not turn.images:
        return
    message: dict[str, Any] = {"role": str(turn.role if turn.role is not Role.TOOL else Role.USER)}
    message["content"] = turn.text
    if turn.images:
        message["images"] = [base64.b64encode(image.data).decode() for image in turn.images]
    if turn.tool_calls:
        if isinstance(thought := turn.tool_calls[0].state_for(provider, "").get("thinking"), str):
            message["thinking"] = thought
        message["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": call.decoded()}} for call in turn.tool_calls
        ]
    yield message
