"""How many tokens a request has that is not made: as its vendor counts them, or else an estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llm_hub.gateway.request_size import request_tokens
from llm_hub.usage.file_tokens import most_file_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import ChatRequest

BYTES_PER_TOKEN = 4
"""Of a token in most texts, on average."""


@dataclass(frozen=True, slots=True)
class TokenCount:
    """The tokens of a request to `target`: `counted` is the vendor's own answer. Without one, `estimate` holds."""

    target: str
    counted: Mapping[str, Any] | None
    estimate: int = 0


def estimate_tokens(request: ChatRequest, target: str) -> int:
    """Tokens of the messages, their images and documents, and the tools, roughly."""
    return request_tokens(request, BYTES_PER_TOKEN) + most_file_tokens(request.messages, target)
