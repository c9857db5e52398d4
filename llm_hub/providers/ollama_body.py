"""A chat request in the shape of Ollama's /api/chat."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.providers.openai_body import tool

_THINK: dict[str, bool | str] = {"none": False, "low": "low", "medium": "medium", "high": "high"}


def messages(turns: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The conversation. Every result of a tool is a message of its own, with that tool's name."""
    names = {call.id: call.name for turn in turns for call in turn.tool_calls}
    return [message for turn in turns for message in _messages(turn, names)]


def options(request: ChatRequest) -> dict[str, Any]:
    """What the request sets, but for its model. Tools that are not to be called are left out: that is certain."""
    sampling: dict[str, Any] = {
        "temperature": request.temperature,
        "num_predict": request.max_tokens,
        "stop": list(request.stop) or None,
        "seed": request.seed,
        "top_p": request.top_p,
    }
    wanted: dict[str, Any] = {"options": {name: value for name, value in sampling.items() if value is not None}}
    if request.tools and request.tool_choice != "none":
        wanted["tools"] = [tool(one) for one in request.tools]
    if request.format is not None:
        wanted["format"] = "json" if request.format.schema is None else dict(request.format.schema)
    if request.effort in _THINK:
        wanted["think"] = _THINK[request.effort]
    return wanted


def left_out(request: ChatRequest, sent: dict[str, Any]) -> tuple[str, ...]:
    """The settings that the model did not get: an effort that it has no word for, and calls that follow a schema."""
    effort = ("effort",) if request.effort is not None and "think" not in sent else ()
    return (*effort, "strict") if any(tool.strict for tool in request.tools) else effort


def _messages(turn: Message, names: dict[str, str]) -> Iterator[dict[str, Any]]:
    if isinstance(turn.content, str):
        yield {"role": str(turn.role), "content": turn.content}
        return
    for result in turn.tool_results:
        yield {
            "role": "tool",
            "content": result.text,
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
        message["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": call.decoded()}} for call in turn.tool_calls
        ]
    yield message
