"""How a refusal is written for Anthropic's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.api.dialects.dialect import begins_with_field

if TYPE_CHECKING:
    from llm_hub.api.dialects.messages_answer import MessageError, MessageErrorObject
    from llm_hub.api.shapes import ErrorObject

_FIELDS = {
    "tools": "tools",
    "tool_choice": "tool_choice",
    "top_p": "top_p",
    "parallel_tools": "tool_choice.disable_parallel_tool_use",
    "format": "output_config.format",
    "effort": "output_config.effort",
    "stop": "stop_sequences",
}
"""Fields of a `ChatRequest`, and what Anthropic calls them."""
_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    508: "loop_detected",
    529: "overloaded_error",
}


def message_error(status: int, error: ErrorObject) -> tuple[int, MessageError]:
    """The refusal. Anthropic knows no 502 and 503: a provider that cannot be used is its 500, one that fails for now
    its 529."""
    if status in (502, 503):
        status = 529 if status == 503 and error["code"] != "not_configured" else 500
    report: MessageErrorObject = {
        "type": _ERROR_TYPES.get(status) or ("api_error" if status >= 500 else "invalid_request_error"),
        "message": error["message"],
    }
    if (field := _FIELDS.get(error["param"] or "")) and not begins_with_field(error):
        report["message"] = f"{field}: {error['message']}"
    if error["param"] == "thread":  # with this code Anthropic's SDKs send the whole conversation again
        report["details"] = {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}
    if "attempts" in error:
        report["attempts"] = error["attempts"]
    return status, {"type": "error", "error": report}
