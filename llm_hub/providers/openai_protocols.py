"""Which of OpenAI's two protocols a request is sent in: chat completions, or Responses where the model needs it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from llm_hub.capabilities import has_linked_documents
from llm_hub.errors import NotConfigured
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest
    from llm_hub.errors import ProviderError

ResponsesUse = Literal["if_refused", "if_needed", "always"]
"""When a server is asked in Responses: where it refuses chat completions and says so, or where a request of that
protocol has what they have no word for; also for all of that protocol's, and where an OpenAI model or a document at an
address needs it; or always."""

_GPT = re.compile(r"(?:^|[/:])gpt-(\d+)(?:\.(\d+))?(?![\d.])")
_FIRST_WITHOUT_TOOLS = (5, 4)
_RESPONSES_ALONE = re.compile(
    r"(?:^|[/:])(?:codex-|computer-use-|(?:gpt-|o\d).*(?:-pro|-codex|deep-research)(?![a-z]))"
)
_NAMES_RESPONSES = re.compile(r"\bv1/responses\b|(?<![\w/])/responses\b", re.IGNORECASE)
_NAMES_CHAT = re.compile(r"not supported (?:with|in|by) the responses api|chat/completions", re.IGNORECASE)
NOT_CHAT = ("audio", "dall-e", "embedding", "gpt-image", "live", "moderation", "realtime", "sora", "speech", "tts-",
             "transcribe", "translate", "whisper", "babbage", "davinci", "instruct-0914")  # fmt: skip
"""Parts of the names of models for speech, pictures, embeddings, …: lists do not tell what a model is for."""


@lru_cache(1024)
def needs_responses(model: str, *, has_tools: bool) -> bool:
    """Whether OpenAI answers such a request in Responses alone, as far as the model's name tells.

    From gpt-5.4 on, chat completions take tools only where the model does not reason (openai/openai-openapi#541,
    danny-avila/LibreChat#14231; developers.openai.com, "Responses vs Chat Completions"). The models for code, for
    research and the -pro ones know nothing but Responses (pgadmin-org/pgadmin4#9795, n8n-io/n8n#18352).
    """
    if _RESPONSES_ALONE.search(model):
        return True
    gpt = _GPT.search(model)
    return has_tools and gpt is not None and (int(gpt[1]), int(gpt[2] or 0)) >= _FIRST_WITHOUT_TOOLS


def lacks_responses(refusal: ProviderError) -> bool:
    """Whether a refusal of Responses says that the server does not have them, or not for this model. That is no failure
    of the server's, which may take chat completions."""
    names_path = bool(_NAMES_RESPONSES.search(refusal.detail)) and "model" not in refusal.detail.lower()
    return isinstance(refusal, NotConfigured) or refusal.status == 501 or (refusal.status == 404 and names_path)


class ProtocolChoice:
    """The choice for one server, and what its refusals have taught: remembered once the other protocol has helped."""

    def __init__(self, use: ResponsesUse) -> None:
        self._use = use
        self._chat_refusals: dict[tuple[str, bool], bool] = {}
        """By model, and whether there were tools: whether Responses helped, after a refusal of chat completions."""
        self._lacks_responses: bool | None = False
        """Whether the server has no such endpoint. None: it seemed so, and chat completions have not helped yet."""

    def prefers_responses(self, model: str, request: ChatRequest) -> bool:
        """Whether Responses is the protocol that a request is tried in first."""
        has_tools = bool(request.tools)
        if self._use == "always" or self._chat_refusals.get((model, has_tools)):
            return True
        if self._lacks_responses:
            return False
        asks_early = self._use == "if_needed"
        original = request.original
        if original is not None and original.protocol == "responses" and (asks_early or original.essential):
            return True
        return asks_early and (needs_responses(model, has_tools=has_tools) or has_linked_documents(request))

    def is_refused_in_chat(self, model: str, refusal: ProviderError, *, has_tools: bool) -> bool:
        """Whether a refusal of chat completions says that Responses is the way, which is noted."""
        if refusal.status not in (400, 404) or not _NAMES_RESPONSES.search(refusal.detail):
            return False
        if len(self._chat_refusals) >= MAX_LEARNED_MODELS and (model, has_tools) not in self._chat_refusals:
            del self._chat_refusals[next(iter(self._chat_refusals))]
        self._chat_refusals.setdefault((model, has_tools), False)
        return True

    def is_refused_in_responses(self, refusal: ProviderError) -> bool:
        """Whether a refusal of Responses says that chat completions are the way. A server without it is noted."""
        if self._use == "always":
            return False
        if isinstance(refusal, NotConfigured):
            self._lacks_responses = None
            return True
        return lacks_responses(refusal) or (refusal.status in (400, 404) and bool(_NAMES_CHAT.search(refusal.detail)))

    def is_attempt(self, request: ChatRequest) -> bool:
        """Whether Responses is only tried, for what chat completions have no word for, at a server that nobody knows
        to take it."""
        original = request.original
        return self._use == "if_refused" and original is not None and bool(original.essential)

    def confirm_chat(self) -> None:
        """Chat completions were accepted."""
        if self._lacks_responses is None:
            self._lacks_responses = True

    def confirm_responses(self, model: str, *, has_tools: bool) -> None:
        """Responses were accepted."""
        self._lacks_responses = False
        if (model, has_tools) in self._chat_refusals:
            self._chat_refusals[model, has_tools] = True
