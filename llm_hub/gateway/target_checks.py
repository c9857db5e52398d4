"""Background checks: whether the targets of the hub's route answer, before somebody needs them.

A provider's list of models costs nothing, so it is asked for first. Where it does not come, or the target is paused,
the target is asked for a word like by any other request: through the same breakers, to the same record. What that costs
is in the ledger, in the name of `CALLER`. One target is asked at a time, and none that was asked since the last round.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import aclosing
from typing import TYPE_CHECKING

from llm_hub.chat import ChatRequest, Message, Role, split_target
from llm_hub.errors import LLMHubError
from llm_hub.gateway.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llm_hub.gateway.gateway import Gateway

log = logging.getLogger(__name__)

CALLER = "checks"
"""Whose use it is in the ledger. No key of the API has that name."""
PROMPT = "Answer with one word: yes."
MAX_TOKENS = 16
"""Tokens of the answer: the fewest that every vendor accepts."""
MAX_LIST_SECONDS = 20.0
"""Seconds that a list of models may take."""
JITTER = 0.2
"""The share of the time between two rounds by which it varies, so that many hubs do not ask at once."""
UNCHECKED = frozenset({"local"})
"""Providers that are not checked: the embedded model would only be loaded for it."""


class TargetChecks:
    """Checks the targets of a gateway's route every so many `seconds`. `chance` gives numbers from 0 to 1."""

    def __init__(
        self,
        gateway: Gateway,
        seconds: float,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._gateway = gateway
        self._seconds = seconds
        self._sleep = sleep
        self._chance = chance

    async def run(self) -> None:
        """Checks for as long as the hub runs. The first round is after the first pause."""
        while True:
            await self._sleep(self._seconds * (1 + JITTER * (2 * self._chance() - 1)))
            try:
                await self.check_all()
            except Exception:
                log.exception("The targets could not be checked.")

    async def check_all(self) -> list[str]:
        """One round. Returns the targets that were asked for a word."""
        session = self._gateway.owner_session
        ready = {state.name for state in session.providers() if state.ready} - UNCHECKED
        states = {state.name: state for state in session.targets()}
        lists: dict[str, bool] = {}
        asked = []
        for target in dict.fromkeys(map(session.target, session.route)):
            provider, _ = split_target(target)
            state = states.get(target)
            if provider not in ready or (state is not None and min(state.ages, default=self._seconds) < self._seconds):
                continue
            if state is None or state.paused is None:
                if provider not in lists:
                    lists[provider] = await self._lists_models(provider)
                if lists[provider]:
                    continue
            asked.append(target)
            await self._ask(target)
        return asked

    async def _lists_models(self, provider: str) -> bool:
        try:
            async with asyncio.timeout(MAX_LIST_SECONDS):
                return bool(await self._gateway.owner_session.models(provider, fresh=True))
        except (LLMHubError, TimeoutError):
            return False

    async def _ask(self, target: str) -> None:
        """Asks for a word. What becomes of it is recorded like any attempt."""
        request = ChatRequest((Message(Role.USER, PROMPT),), target, fallback=(), max_tokens=MAX_TOKENS)
        caller = Caller(CALLER, self._gateway.owner_session, CALLER)
        try:
            async with aclosing(self._gateway.answer(caller, request)) as events:
                async for _ in events:
                    pass
        except LLMHubError:
            return
