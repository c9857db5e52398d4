"""The capabilities of a provider: the optional fields of a request that not every provider can pass on.

A provider lists the fields that it passes on in `LLMProvider.supports`. A request that sets another one is refused
with `NotOffered` before anything is sent, and a route goes on to its next target.

An answer is good without an effort: a provider that does not take it leaves it out, and says so (`ignored`).
"""

from __future__ import annotations

import re
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
"""The optional fields of `ChatRequest`, and what each is called in a sentence."""


_REASONING = re.compile(
    r"\bo[134]\b|gpt-(?:[5-9]|oss)|claude-(?:3[.-]7|[a-z]+-[4-9])|gemini-(?:2\.5|[3-9])|qwen-?3|deepseek-(?:r|v3\.[1-9]|v[4-9]"
    r"|reason)|grok-(?:3-mini|[4-9])|magistral|glm-(?:4\.[5-9]|[5-9])|kimi-k2-thinking|think|reason"
)
"""Parts of the names of models that reason. No list of models says it."""


def is_reasoning_model(model: str) -> bool:
    """Whether a model reasons, and so knows an effort, as far as its name tells."""
    return bool(_REASONING.search(model.lower()))


def missing_capability(request: ChatRequest, supports: frozenset[str]) -> str | None:
    """The first field of the request that needs a capability outside `supports`; None if there is none.

    A field that is unset, or set to what every provider does anyway ("auto", several tools at once), needs none.
    """
    for name in CAPABILITIES:
        if name in supports or name == "effort":
            continue
        value = getattr(request, name)
        if value not in (None, (), "auto") and value is not True:
            return name
    if "tools" not in supports and any(turn.tool_calls or turn.tool_results for turn in request.messages):
        return "tools"
    return None


def chooses_missing_tool(request: ChatRequest) -> bool:
    """Whether the request demands a call of a tool that it does not offer."""
    if request.tool_choice in (None, "auto", "none"):
        return False
    if isinstance(request.tool_choice, OneTool):
        return request.tool_choice.name not in {tool.name for tool in request.tools}
    return not request.tools
