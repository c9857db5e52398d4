"""A request of an OpenAI client in its own words: what of it a server of the same protocol may want otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llm_hub.providers.openai_body import LIMIT_FIELDS, TOOL_FIELDS

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest


def limit_fields(request: ChatRequest, field: str, *, renames: bool) -> dict[str, int]:
    """The answer's limit: in `field`, or in those that the client has chosen where that one `renames` no others."""
    if request.max_tokens is None:
        return {}
    original = request.original
    sent = original.body if original is not None and original.protocol == "openai" and not renames else {}
    chosen = [name for name in LIMIT_FIELDS if sent.get(name) is not None]
    return {name: min(sent[name], request.max_tokens) for name in chosen} or {field: request.max_tokens}


def with_plain_tools(sent: Mapping[str, Any]) -> dict[str, Any] | None:
    """The body in words that every server knows, where its client chose among no tools, or named those that it allows;
    None: it has done neither."""
    tools, choice = sent.get("tools"), sent.get("tool_choice")
    if not tools:
        rest = {name: value for name, value in sent.items() if name not in TOOL_FIELDS}
        return rest if len(rest) < len(sent) and choice in (None, "none", "auto") else None
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return None
    allowed = choice["allowed_tools"]
    names = [_name(tool) for tool in allowed["tools"]]
    return {**sent, "tools": [tool for tool in tools if _name(tool) in names], "tool_choice": allowed["mode"]}


def _name(tool: Mapping[str, Any]) -> object:
    """A function's name, or the type of a tool that runs on the server."""
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else tool.get("type")
