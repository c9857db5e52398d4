"""Whom a runner asks: the hub in its own process (`OwnHub`), or one that runs elsewhere (`RunningHub`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from llm_hub.access.model_names import NamedModels

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.gateway.caller import Caller
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.usage.prices import Prices


class RunSession(NamedModels, Protocol):
    """What a run needs to know of a hub's providers. `Session` says what each of these is."""

    @property
    def prices(self) -> Prices: ...
    @property
    def max_tries(self) -> int: ...
    def target(self, name: str, /) -> str: ...
    async def warm_up(self, provider: str, /) -> None: ...


class AnsweringHub(Protocol):
    """A hub as a runner asks it."""

    @property
    def session(self) -> RunSession: ...

    def answer(self, request: ChatRequest, /) -> AsyncGenerator[Event]:
        """The events of the answer; `Done` is the last. Raises `LLMHubError`: a `ProviderError` has its attempts."""
        ...


@dataclass(frozen=True, slots=True)
class OwnHub:
    """The hub in this process, as one caller asks it."""

    gateway: Gateway
    caller: Caller

    @property
    def session(self) -> Session:
        return self.caller.session

    def answer(self, request: ChatRequest) -> AsyncGenerator[Event]:
        return self.gateway.answer(self.caller, request)
