"""The capabilities of a provider: the optional fields of a request that not every provider can pass on.

A provider lists the fields that it passes on in `LLMProvider.supports`. A request that sets another one is refused
with `NotOffered` before anything is sent, and a route goes on to its next target.

An answer is good without an effort: a provider that does not take it leaves it out, and says so (`ignored`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from llm_hub.chat import OneTool, Role
from llm_hub.errors import InvalidRequest, NotOffered

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest


class AnsweringProvider(Protocol):
    """What has to be known of a provider to ask it: see `LLMProvider`."""

    name: str
    title: str
    protocol: str
    default_model: str
    supports: frozenset[str]


CAPABILITIES = {
    "tools": "tools",
    "tool_choice": "a choice of tools",
    "parallel_tools": "a limit on tools called at once",
    "format": "answers as JSON",
    "stop": "stop texts",
    "seed": "a seed",
    "top_p": "top_p",
    "effort": "a reasoning effort",
    "image_urls": "images that it has to fetch",
    "document_urls": "documents that it has to fetch",
}
"""What not every provider takes, and what each is called in a sentence: the optional fields of `ChatRequest`, and the
images and documents in its messages that have a `url`."""
_OF_MESSAGES = ("image_urls", "document_urls")

_REASONING = (
    r"\bo[134]\b|gpt-(?:[5-9]|oss)|claude-(?:3[.-]7|[a-z]+-[4-9])|gemini-(?:2\.5|[3-9])|qwen-?3|deepseek-(?:r|v3\.[1-9]|v[4-9]"
    r"|reason)|grok-(?:3-mini|[4-9])|magistral|glm-(?:4\.[5-9]|[5-9])|kimi-k2-thinking|think|reason"
)
"""Parts of the names of models that reason. No list of models says it."""


def is_reasoning_model(model: str) -> bool:
    """Whether a model reasons, and so knows an effort, as far as its name tells."""
    return bool(re.search(_REASONING, model.lower()))


def has_linked_documents(request: ChatRequest) -> bool:
    """Whether a provider has to fetch a document."""
    parts = (turn.documents for turn in request.messages if not isinstance(turn.content, str))
    return any(document.url for documents in parts for document in documents)


@lru_cache
def _missing_fields(supports: frozenset[str]) -> tuple[str, ...]:
    """The optional fields of `ChatRequest` that need a capability outside `supports`."""
    return tuple(name for name in CAPABILITIES if name not in supports and name not in ("effort", *_OF_MESSAGES))


def _missing_capability(request: ChatRequest, supports: frozenset[str]) -> str | None:
    """The first field of the request that needs a capability outside `supports`; None if there is none.

    A field that is unset, or set to what every provider does anyway ("auto", several tools at once), needs none.
    """
    if "document_urls" not in supports and has_linked_documents(request):
        return "document_urls"
    for name in _missing_fields(supports):
        value = getattr(request, name)
        if value not in (None, (), "auto") and value is not True:
            return name
    if "tools" not in supports and any(turn.tool_calls or turn.tool_results for turn in request.messages):
        return "tools"
    if "image_urls" not in supports and any(image.url for turn in request.messages for image in turn.images):
        return "image_urls"
    return None


def _chooses_missing_tool(request: ChatRequest) -> bool:
    """Whether the request demands a call of a tool that it does not offer."""
    if request.tool_choice in (None, "auto", "none"):
        return False
    if isinstance(request.tool_choice, OneTool):
        return request.tool_choice.name not in {tool.name for tool in request.tools}
    return not request.tools


def check_request(request: ChatRequest, provider: AnsweringProvider, model: str) -> None:
    """Raises `NotOffered` where the provider lacks what the request needs, `InvalidRequest` where there is nothing to
    ask, or what it asks for contradicts itself."""
    if (name := _missing_capability(request, provider.supports)) is not None:
        raise NotOffered(
            f"{provider.title} does not take {CAPABILITIES[name]}.",
            parameter=name,
            provider=provider.name,
            model=model,
        )
    original = request.original
    is_original = original is not None and original.protocol == provider.protocol
    if original is not None and original.essential and not is_original:
        field = original.essential[0]
        raise NotOffered(
            f"{field}: {provider.title} cannot be asked for this, since its protocol has no word for it.",
            parameter=field,
            provider=provider.name,
            model=model,
        )
    if _chooses_missing_tool(request):
        raise InvalidRequest(
            "The choice of tools asks for one that the request does not have.",
            provider=provider.name,
            model=model,
            hint="Name one of the request's tools.",
        )
    last = next((message for message in reversed(request.messages) if message.role is not Role.SYSTEM), None)
    asks = last is not None and last.role is Role.USER and (last.text.strip() or last.images or last.documents)
    is_answered = asks or (last is not None and bool(last.tool_results))
    is_vendors = is_original and (last is None or last.role is Role.ASSISTANT)  # who says whether it answers that
    if not (is_answered or is_vendors):
        raise InvalidRequest(
            "There is nothing to answer: the last message must be the user's, and not be empty.",
            provider=provider.name,
            model=model,
            hint="Type a prompt.",
        )
