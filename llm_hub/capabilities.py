"""The parts of a request that not every provider takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.chat import OneTool

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest

CAPABILITIES = {
    "tools": "tools",
    "tool_choice": "a choice of tools",
    "parallel_tools": "a limit on tools called at once",
    "format": "answers as JSON",
    "stop": "stop texts",
    "seed": "a seed",
    "top_p": "top_p",
    "effort": "a reasoning effort",
}
"""Fields of a request, and what they are called in a sentence."""


def missing_capability(request: ChatRequest, supports: frozenset[str]) -> str | None:
    """The first field that asks for more than what is taken.

    What is everybody's default ("auto", several calls at once) asks nothing of anybody.
    """
    for name in CAPABILITIES:
        value = getattr(request, name)
        if value not in (None, (), "auto") and value is not True and name not in supports:
            return name
    if "tools" not in supports and any(turn.tool_calls or turn.tool_results for turn in request.messages):
        return "tools"
    return None


def chooses_nothing(request: ChatRequest) -> bool:
    """Whether a tool is to be called that the request does not have."""
    if request.tool_choice in (None, "auto", "none"):
        return False
    if isinstance(request.tool_choice, OneTool):
        return request.tool_choice.name not in {tool.name for tool in request.tools}
    return not request.tools
