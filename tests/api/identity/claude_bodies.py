"""Bodies of `POST /v1/messages` as clients send them: their shapes are recorded, the words are our own."""

from __future__ import annotations

from typing import Any

Body = dict[str, Any]

MARK: Body = {"cache_control": {"type": "ephemeral"}}
HOUR: Body = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
HEADERS = {
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20",
    "anthropic-dangerous-direct-browser-access": "true",
}
"""The headers of Claude Code that are Anthropic's."""


def _tool(name: str, **more: Any) -> Body:
    path = {"type": "string", "description": "Where"}
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": {"path": path},
        "required": ["path"], "additionalProperties": False}  # fmt: skip
    return {"name": name, "description": f"The tool {name}.", "input_schema": schema, **more}


_NAMES = ("Read", "Edit", "Write", "Run", "Find", "List", "Plan", "Skill", "Fetch", "Notes")
_TOOLS = [*map(_tool, _NAMES), _tool("Later", defer_loading=True), _tool("Last", defer_loading=True, **MARK)]
_SYSTEM = [
    {"type": "text", "text": "x-billing: version=1"},
    {"type": "text", "text": "You write code.", **MARK},
    {"type": "text", "text": "Work in /harbour.", **MARK},
]
_FIRST: list[Body] = [
    {"role": "user", "content": [{"type": "text", "text": "<reminder>Be brief.</reminder>"},
        {"type": "text", "text": "Mend the pier."}]},
    {"role": "system", "content": [{"type": "text", "text": "The tools Later and Last can be found.", **MARK}]},
]  # fmt: skip

AGENT: Body = {
    "model": "claude-opus-5-5",
    "messages": _FIRST,
    "system": _SYSTEM,
    "tools": _TOOLS,
    "metadata": {"user_id": '{"device_id":"d","account_uuid":"","session_id":"s"}'},
    "max_tokens": 64000,
    "thinking": {"type": "adaptive", "display": "omitted"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "output_config": {"effort": "medium"},
    "stream": True,
}
"""The first request of an agent."""
AGENT_LATER: Body = AGENT | {
    "thinking": {"type": "enabled", "budget_tokens": 4000},
    "messages": [
        *_FIRST,
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "", "signature": "c2lnbmVk"},
            {"type": "redacted_thinking", "data": "c2VhbGVk"},
            {"type": "text", "text": "I look.", "citations": None},
            {"type": "tool_use", "id": "toolu_1", "name": "Find", "input": {"path": "a"}, "caller": {"type": "direct"}},
            {"type": "tool_use", "id": "toolu_2", "name": "Read", "input": {"path": "b"}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [
                {"type": "tool_reference", "tool_name": "Later"}]},
            {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": True, "content": "No such file", **MARK},
        ]},
        {"role": "system", "content": "It is seven o'clock."},
    ],
}  # fmt: skip
"""A later one: with reasoning, results of tools, and the system's word in the middle and last."""
SEARCH: Body = {
    "model": "claude-haiku-5-5",
    "max_tokens": 32000,
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Search for tides."}]}],
    "system": [{"type": "text", "text": "You search."}],
    "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 8}],
    "tool_choice": {"type": "tool", "name": "web_search"},
    "stream": True,
}
"""The request that an agent makes for its search of the web."""
EVERY_FIELD: Body = {
    "model": "claude-tug",
    "max_tokens": 2000,
    "messages": [
        {"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}, **HOUR},
            {"type": "image", "source": {"type": "url", "url": "https://pier.test/a.png"}},
            {"type": "document", "title": "Log", "context": None, "citations": {"enabled": True},
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Low at six."}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "High at noon."}]}},
            {"type": "search_result", "source": "log", "title": "t", "content": [{"type": "text", "text": "Six."}],
                "citations": {"enabled": True}},
            {"type": "text", "text": "When is low water?"},
        ]},
        {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "tide"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": "https://tide.test", "title": "Tide",
                    "encrypted_content": "ZW5j", "page_age": None}]},
            {"type": "text", "text": "At six.", "citations": [
                {"type": "web_search_result_location", "url": "https://tide.test", "title": "Tide",
                    "encrypted_index": "aW5k", "cited_text": "six"}]},
        ]},
        {"role": "user", "content": "And high?"},
    ],
    "system": "You keep the log.",
    "cache_control": {"type": "ephemeral", "ttl": "1h"},
    "container": None,
    "context_management": None,
    "inference_geo": "eu",
    "mcp_servers": [{"type": "url", "url": "https://mcp.test", "name": "pier", "authorization_token": None,
        "tool_configuration": {"enabled": True, "allowed_tools": ["look"]}}],
    "metadata": {"user_id": None},
    "output_config": {"effort": "high", "task_budget": {"type": "tokens", "total": 90000}, "format": {
        "type": "json_schema", "schema": {"type": "object", "properties": {"at": {"type": "string"}}}}},
    "service_tier": "auto",
    "speed": None,
    "stop_sequences": ["END", "\n\nHuman:"],
    "temperature": 0.5,
    "top_k": 40,
    "top_p": 0.9,
    "thinking": {"type": "disabled"},
    "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
    "tools": [
        {"type": "custom", "name": "look", "description": "Looks.", "input_schema": {"type": "object"}, "strict": True,
            "input_examples": [{}], "allowed_callers": ["direct"], "eager_input_streaming": True, **HOUR},
        {"type": "code_execution_20260120", "name": "code_execution"},
        {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"},
        {"type": "mcp_toolset", "mcp_server_name": "pier", "default_config": {"enabled": True}},
    ],
    "a_field_of_tomorrow": {"of": ["any", {"shape": None}]},
    "stream": False,
}  # fmt: skip
"""Every documented field, some of them null, and one that nobody knows."""

OTHER_VALUES: Body = {
    "model": "claude-opus-5-5",
    "max_tokens": -1,
    "stop_sequences": [""],
    "temperature": 1.5,
    "top_p": 1.5,
    "messages": [{"role": "critic", "content": "", "of": 7}, {"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/avif", "data": "AAAA"}},
        {"type": "image", "source": {"type": "asset", "asset_id": "a"}}]}],
}  # fmt: skip
"""Values that the vendor may take one day."""

NO_CHOICE = AGENT | {"tool_choice": None}
"""Null for what the client does not set."""

OPTIONS_LATER: dict[str, Any] = {
    "max_tokens": 500,
    "messages": [
        {"role": "user", "content": "Think."},
        {"role": "system", "output_config": {"effort": "low"}},
        {"role": "assistant", "content": "I did."},
        {"role": "user", "content": "Go on."},
        {"role": "system", "content": "Be quick.", "clear_at": "next_user_message", "output_config": {}},
        {"role": "system", "content": None, "output_config": {"effort": "high"}},
    ],
}
"""Options that change in the middle: the message that does it may have no content."""

BODIES = {
    "no-choice": NO_CHOICE,
    "other-values": OTHER_VALUES,
    "agent": AGENT,
    "agent-later": AGENT_LATER,
    "search": SEARCH,
    "every-field": EVERY_FIELD,
    "options-later": OPTIONS_LATER,
}
