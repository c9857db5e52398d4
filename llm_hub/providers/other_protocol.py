"""What an adapter raises where a model has to be asked in another protocol of the same server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.errors import ProviderError


class OtherProtocol(Exception):  # no error of anybody's: the request goes on
    """`ask` is the other protocol's `HttpProvider.events_after`, and `refusal` what this one was answered."""

    def __init__(
        self, ask: Callable[[ChatRequest, ProviderError | None], AsyncGenerator[Event]], refusal: ProviderError
    ) -> None:
        super().__init__()
        self.ask = ask
        self.refusal = refusal
