"""What a model's name means that has no provider before it, in every dialect: the provider that has that model.

Programs have names such as `gpt-6-luna` or `claude-opus-5-5` built in, and some cut off what stands before a slash. The
first of these decides:

1. a provider that can be used and is known to have the model, the vendor of its family first;
2. the vendor of its family, whether it can be used or not: then its error says what to set up, and a route goes on;
3. a provider that lists the model when all that can be used are asked.

A name that none of these knows is left as it is, and refused by `ConfiguredProviders.check`.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from llm_hub.access.route import AUTO
from llm_hub.chat import split_target
from llm_hub.errors import InvalidRequest
from llm_hub.providers.openai_embeddings import EMBEDDINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.access.available_providers import ProviderState
    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest

MAX_LISTS_SECONDS = 3.0
"""Seconds that all lists of models may take together to find out who has a model."""

CLAUDE_ALIAS = "claude-hub/"
"""What stands before the names of models that are not Anthropic's where a list is for Claude Code: it shows only names
that begin with "claude" or "anthropic"."""

_FAMILIES = (
    (re.compile(r"gpt-(?!oss)|chatgpt-|o\d|codex-|text-embedding-(?!0)"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"gemini"), "gemini"),
)
"""How the names of vendors' own models begin. gpt-oss is OpenAI's, too, and is run by everybody but OpenAI.
OpenAI's models for embeddings are in no list of the hub's. text-embedding-004 and its like are Google's."""


class NamedModels(Protocol):
    """Who has which models. `Session` says what each of these is."""

    def providers(self) -> tuple[ProviderState, ...]: ...
    def has_provider(self, name: str, /) -> bool: ...
    async def model_names(self, provider: str, patience: float = ..., /) -> tuple[str, ...]: ...


async def name_providers(request: ChatRequest, session: Session) -> ChatRequest:
    """The request with a provider before each model's name."""
    if request.original is not None and request.original.protocol == EMBEDDINGS:
        return await _for_embeddings(request, session)
    names = [name for name in (request.model, *(request.fallback or ())) if name is not None]
    full = {name: name if _is_full(name, session) else await full_name(name, session) for name in names}
    if [*full] == [*full.values()]:
        return request
    model = None if request.model is None else full[request.model]
    fallback = None if request.fallback is None else tuple(full[name] for name in request.fallback)
    return replace(request, model=model, fallback=fallback)


async def _for_embeddings(request: ChatRequest, session: Session) -> ChatRequest:
    """The request for the one model that it names, on each of the owner's servers that list it. Raises
    `InvalidRequest` where it names none: vectors of different models cannot be compared."""
    name = await full_name(request.model or AUTO, session)
    provider, model = split_target(name)
    if not model and (name == AUTO or session.has_provider(provider)):
        raise InvalidRequest(f"{name} names no model for embeddings.", hint="Write provider/model, with both parts.")
    servers = await session.servers_with(model, MAX_LISTS_SECONDS)
    others = [server for server in servers if server != provider] if provider in servers else []
    return replace(request, model=name, fallback=tuple(f"{server}/{model}" for server in others))


def _is_full(name: str, session: NamedModels) -> bool:
    """Whether a model's name has its provider before it, or needs none."""
    return name == AUTO or session.has_provider(split_target(name)[0])


async def full_name(name: str, session: NamedModels, patience: float = MAX_LISTS_SECONDS) -> str:
    """A model's name with its provider, as far as somebody has that model. Lists that have to be asked for get
    `patience` seconds."""
    name = name.removeprefix(CLAUDE_ALIAS)
    if _is_full(name, session):
        return name
    vendor = vendor_of(name)
    ready = sorted((state.name for state in session.providers() if state.ready), key=lambda ready: ready != vendor)
    for seconds in (0.0, patience):
        lists = await asyncio.gather(*(session.model_names(provider, seconds) for provider in ready))
        for provider, names in zip(ready, lists, strict=True):
            if listed := listed_name(name, names):
                return f"{provider}/{listed}"
        if vendor:
            return f"{vendor}/{name}"
    return name


def vendor_of(model: str) -> str:
    """The provider whose own model this is, as far as its name tells; "" otherwise."""
    return next((provider for names, provider in _FAMILIES if names.match(model)), "")


def listed_name(model: str, names: Sequence[str]) -> str:
    """A model as its provider's list names it; "" if it is not listed. Ollama's names end with a tag."""
    return next((name for name in (model, f"{model}:latest", f"models/{model}") if name in names), "")
