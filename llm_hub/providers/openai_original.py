"""A request of an OpenAI client in its own words: what of it a server of the same protocol may want otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from llm_hub.errors import InvalidRequest, UnsupportedParameter
from llm_hub.providers.catalog import UNCHECKED_SIGNATURE
from llm_hub.providers.openai_body import LIMIT_FIELDS, TOOL_FIELDS, asks_nothing

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest
    from llm_hub.errors import ProviderError

_KEYS_HEADERS = ("openai-organization", "openai-project")
"""Headers that belong to a key. The hub asks with its own, which other ones do not fit."""
_SIGNATURE = re.compile(r"thought[ _-]?signature", re.IGNORECASE)


def addressed(
    url: str, own_headers: dict[str, str], request: ChatRequest, protocol: str, query: str
) -> tuple[str, dict[str, str]]:
    """Where a request goes, with the query of the server's address and that of its client's URL, and its headers: the
    adapter's own, with those of the client's that are the protocol's, such as `OpenAI-Beta`. For clients of the same
    protocol."""
    original = request.original
    if original is None or original.protocol != protocol:
        return (f"{url}?{query}" if query else url), own_headers
    headers = {name.lower(): value for name, value in original.headers.items()}
    headers = {name: headers[name] for name in headers if name.startswith("openai-") and name not in _KEYS_HEADERS}
    query = _joined_query(query, original.query) if query else original.query
    return (f"{url}?{query}" if query else url), own_headers | headers if headers else own_headers


def _joined_query(own: str, clients: str) -> str:
    """The query of the server's address, with what the client's names beside it."""
    names = {_query_name(pair) for pair in own.split("&")}
    return "&".join([own, *(pair for pair in clients.split("&") if pair and _query_name(pair) not in names)])


def _query_name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0]).lower()


def limit_fields(request: ChatRequest, field: str, *, renames: bool) -> dict[str, int]:
    """The answer's limit: in `field`, or in those that the client has chosen where that one `renames` no others."""
    original = request.original
    sent = original.body if original is not None and original.protocol == "openai" else {}
    limits = {name: sent[name] for name in reversed(LIMIT_FIELDS) if sent.get(name) is not None}
    if request.max_tokens is not None:
        lower = {} if renames else {name: _lower(limit, request.max_tokens) for name, limit in limits.items()}
        return lower or {field: request.max_tokens}
    return {field: next(iter(limits.values()))} if renames and limits else limits  # such as -1


def _lower(limit: int, bound: int) -> int:
    """The lower limit. One below 1 bounds nothing at servers for which it means no limit."""
    return min(limit, bound) if limit > 0 else bound


def with_plain_tools(sent: Mapping[str, Any], refusal: ProviderError) -> dict[str, Any] | None:
    """The body in words that every server knows, where its client chose among no tools, or named those that it allows,
    and the refusal names tools, or nothing at all; None: one of this is not so."""
    is_refused = isinstance(refusal, InvalidRequest | UnsupportedParameter) and refusal.status in (400, 422)
    if not is_refused or not (refusal.falls_back or "tool" in f"{refusal.message} {refusal.detail}".lower()):
        return None
    tools, choice = sent.get("tools"), sent.get("tool_choice")
    if not tools:
        rest = {name: value for name, value in sent.items() if name not in TOOL_FIELDS}
        return rest if len(rest) < len(sent) and choice in (None, "none", "auto") else None
    if not isinstance(choice, dict) or choice.get("type") != "allowed_tools":
        return None
    allowed = choice["allowed_tools"]
    names = [_name(tool) for tool in allowed["tools"]]
    return {**sent, "tools": [tool for tool in tools if _name(tool) in names], "tool_choice": allowed["mode"]}


def without_neutral(sent: Mapping[str, Any], refusal: ProviderError) -> dict[str, Any] | None:
    """The body without the fields that ask for nothing, where its server refuses one of them, or says not what it
    refuses; None: it is about something else. Clients send null for what they do not set."""
    names = {name for name, value in sent.items() if asks_nothing(name, value)}
    if not names or not isinstance(refusal, InvalidRequest | UnsupportedParameter) or refusal.status not in (400, 422):
        return None
    if isinstance(refusal, UnsupportedParameter):
        is_meant = refusal.parameter in names
    else:
        is_meant = refusal.falls_back or not names.isdisjoint(re.findall(r"\w+", refusal.detail))
    return {name: value for name, value in sent.items() if name not in names} if is_meant else None


def with_unchecked_signatures(sent: Mapping[str, Any], refusal: ProviderError) -> dict[str, Any] | None:
    """The body without Gemini's signatures, where the refusal says that one of them is wrong; None: it does not."""
    if refusal.status != 400 or not _SIGNATURE.search(refusal.detail) or not any(_signatures(sent)):
        return None
    turns = []
    for turn in sent["messages"]:
        calls = [_unchecked(call) for call in turn.get("tool_calls") or ()]
        turns.append({**turn, "tool_calls": calls} if calls else turn)
    return {**sent, "messages": turns}


def lost_signatures(body: Mapping[str, Any], sent: Mapping[str, Any]) -> tuple[str, ...]:
    """How an answer names the signatures of a body that its server was not sent."""
    is_same = sent["messages"] is body["messages"] or len(list(_signatures(sent))) == len(list(_signatures(body)))
    return () if is_same else ("messages.tool_calls.extra_content.google.thought_signature",)


def _signatures(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The calls with a signature of Gemini's."""
    for turn in body["messages"]:
        for call in turn.get("tool_calls") or ():
            if _unchecked(call) is not call:
                yield call


def _unchecked(call: Any) -> Any:
    extra = call.get("extra_content") if isinstance(call, dict) else None
    if not isinstance(extra, dict) or not isinstance(google := extra.get("google"), dict):
        return call
    if google.get("thought_signature") in (None, UNCHECKED_SIGNATURE):
        return call
    return {**call, "extra_content": {**extra, "google": {**google, "thought_signature": UNCHECKED_SIGNATURE}}}


def _name(tool: Mapping[str, Any]) -> object:
    """The name of a function or a custom tool, or the type of a tool that runs on the server."""
    described = tool.get("function", tool.get("custom"))
    return described.get("name") if isinstance(described, dict) else tool.get("type")
