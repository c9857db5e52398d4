"""A request of an Anthropic client in its own words: it goes on as it came, also where the hub has no word for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llm_hub.providers.anthropic_body import MAX_TOKENS, MIN_BUDGET, call_id, messages

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, OriginalRequest
    from llm_hub.errors import ProviderError

_ROLES = ("user", "assistant", "system")
"""The roles of which it is known what the API refuses."""
_BLANK_TEXTS = re.compile(r"text content blocks must|empty text blocks|must have non-empty content")
"""Anthropic's words, for which it has no code: anthropics/claude-code#59812, #23369, #50082."""


def original_body(original: OriginalRequest, request: ChatRequest, model: str) -> dict[str, Any]:
    """The client's body, except for what the hub has changed: the model, the limit, the format, and what follows the
    messages."""
    body = _with_model(original.body, model)
    body["stream"] = True
    limit = MAX_TOKENS if body.get("max_tokens") is None else body["max_tokens"]
    if request.max_tokens is not None and (request.max_tokens < limit or limit < 0):
        limit, thinking = request.max_tokens, body.get("thinking")
        if isinstance(thinking, dict) and (thinking.get("budget_tokens") or 0) >= limit:  # a part of the limit
            body["thinking"] = thinking | {"budget_tokens": max(limit - 1, MIN_BUDGET)}
    body["max_tokens"] = limit
    added = request.messages[original.messages :]
    if added and request.format is None and isinstance(output := body.get("output_config"), dict):
        body["output_config"] = {name: value for name, value in output.items() if name != "format"}
    body["messages"] = list(_turns(original.body.get("messages") or ()))
    for turn in messages(added, continues=True) if added else ():
        _append(body["messages"], turn)
    return body


def original_prompt(original: OriginalRequest, model: str) -> dict[str, Any]:
    """The client's body as it came, for a count of its tokens. Blank texts have none."""
    body = _with_model(original.body, model)
    body.pop("stream", None)
    body["messages"] = list(_turns(original.body.get("messages") or ()))
    return without_blank_texts(body)


def _with_model(body: Mapping[str, Any], model: str) -> dict[str, Any]:
    """The client's body for this model, without the hub's own fields: a model's fallbacks and their order."""
    named = {**body, "model": model}
    named.pop("models", None)
    named.pop("order", None)
    return named


def ends_with_results(request: ChatRequest) -> bool:
    """Whether the last turn of an Anthropic client has results of tools: the model may then have nothing to add."""
    original = request.original
    turns = original.body.get("messages") or () if original is not None and original.protocol == "anthropic" else ()
    content = next((turn.get("content") for turn in reversed(turns) if turn.get("role") != "system"), None)
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def original_headers(request: ChatRequest) -> dict[str, str]:
    """The client's headers that are the protocol's, such as `anthropic-beta`, in small letters: never a key."""
    if request.original is None or request.original.protocol != "anthropic":
        return {}
    headers = request.original.headers.items()
    return {small: value for name, value in headers if (small := name.lower()).startswith("anthropic-")}


def original_query(request: ChatRequest) -> str:
    """What follows the path of the client's URL, such as `?beta=true`; "" for clients of other protocols."""
    original = request.original
    return f"?{original.query}" if original is not None and original.protocol == "anthropic" and original.query else ""


def _turns(turns: Any) -> Iterator[dict[str, Any]]:
    """The turns as they came, without what other vendors' answers have brought into them: reasoning without Anthropic's
    signature, and letters in the ids of calls that the API does not take."""
    for turn in turns:
        content = turn.get("content")
        if turn.get("role") not in _ROLES or not isinstance(content, list):
            yield turn
            continue
        accepted = [_with_ids(block) for block in content if block.get("type") != "thinking" or block.get("signature")]
        if accepted or not content:
            yield turn | {"content": accepted}


def without_refused_texts(sent: dict[str, Any], refusal: ProviderError) -> dict[str, Any] | None:
    """The body without blank texts, where a refusal is about those; None: it is not, or there are none."""
    if refusal.status != 400 or not _BLANK_TEXTS.search(refusal.detail):
        return None
    shorter = without_blank_texts(sent)
    return shorter if shorter != sent else None


def without_blank_texts(body: dict[str, Any]) -> dict[str, Any]:
    """The body without texts of white space alone. A turn in which nothing is left is left out, and so is a system
    prompt."""
    shorter = {**body, "messages": []}
    for turn in body["messages"]:
        if turn.get("role") not in _ROLES or turn.get("content") is None:  # such as a change of the effort
            shorter["messages"].append(turn)
        elif content := _without_blanks(turn.get("content")):
            shorter["messages"].append(turn | {"content": content})
    if system := _without_blanks(shorter.pop("system", None)):
        shorter["system"] = system
    return shorter


def _without_blanks(content: Any) -> Any:
    """The content without texts of white space alone, also in the results of tools. It may have nothing else."""
    if not isinstance(content, list):
        return content if str(content or "").strip() else ""
    kept = [block for block in content if block.get("type") != "text" or str(block.get("text") or "").strip()]
    return [
        block | {"content": _without_blanks(block["content"])}
        if block.get("type") == "tool_result" and isinstance(block.get("content"), list)
        else block
        for block in kept
    ]


def _with_ids(block: dict[str, Any]) -> dict[str, Any]:
    field = {"tool_use": "id", "tool_result": "tool_use_id"}.get(str(block.get("type")))
    if field is None or not isinstance(value := block.get(field), str) or call_id(value) == value:
        return block
    return block | {field: call_id(value)}


def _append(turns: list[dict[str, Any]], turn: dict[str, Any]) -> None:
    """Adds a turn of the hub's. Where the last one has the same role it is made longer, marks for the cache and all."""
    if not turns or turns[-1]["role"] != turn["role"]:
        turns.append(turn)
        return
    content = turns[-1]["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    turns[-1] = turns[-1] | {"content": [*blocks, *turn["content"]]}
