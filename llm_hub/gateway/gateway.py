"""The one door to an answer, for the page and the API alike: `Gateway.answer(caller, request)`.

    page's handler or API's endpoint → Gateway.answer → LLMRouter → adapter → wire

and the events come back the same way, untouched but for the prices of attempts. Here is decided who pays and how much
may be used (`Policy`), and here every answer is counted (`Meter`). The hub, the router and the adapters know nothing of
either.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llm_hub.access.client_address import from_here
from llm_hub.access.model_names import name_providers
from llm_hub.chat import Done
from llm_hub.documents.sending import read_all
from llm_hub.errors import ProviderError
from llm_hub.gateway.caller import Caller
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.policy import Policy
from llm_hub.gateway.reservation import RequestReservation
from llm_hub.gateway.token_count import TokenCount, estimate_tokens
from llm_hub.gateway.visitors import Visitors
from llm_hub.usage.target_days import TargetDays

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from llm_hub.access.observed_attempt import ObservedAttempt
    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.gateway.owner_settings import OwnerSettings
    from llm_hub.gateway.visitors import PageRequest
    from llm_hub.hub import Hub
    from llm_hub.usage.reserved_money import ReservedMoney

    AddressOf = Callable[[Mapping[str, Any]], str | None]
    """Who asks, from an ASGI scope; None is this computer."""


class Gateway:
    """The hub with its policy, its meter and its visitors. `address_of` tells who asks, from an ASGI scope.

    `owner_settings` are those that the page may change, None on a hub whose page may change none. `reserved_money` is
    where limited money is written before it is spent; None: nowhere.
    """

    def __init__(
        self,
        hub: Hub,
        policy: Policy | None = None,
        *,
        meter: Meter | None = None,
        visitors: Visitors | None = None,
        owner_settings: OwnerSettings | None = None,
        days: TargetDays | None = None,
        reserved_money: ReservedMoney | None = None,
        address_of: AddressOf = lambda _: None,
    ) -> None:
        self.hub = hub
        self.policy = policy or Policy()
        self.meter = meter or Meter()
        self.visitors = visitors or Visitors(hub)
        self.owner_settings = owner_settings
        self.days = days or TargetDays()
        """How the targets did in the last 24 hours."""
        hub.observe_attempts(self._count_attempt)
        self._reserved_money = reserved_money
        self._address_of = address_of
        self.owner_session = hub.session()
        """The hub as the owner's programs use it."""
        self.common_session = self.policy.session(hub, {}, at_owners_computer=True)
        """The hub as somebody at the page uses it who has typed no key."""

    async def answer(self, caller: Caller, request: ChatRequest) -> AsyncGenerator[Event]:
        """The events of the answer. Closing the generator closes the provider's connection.

        Raises `LimitReached` before anybody is asked, before a further attempt is made, or when an answer grows beyond
        what the quotas allow; `LimitNotKept` where a limit of money holds and the database fails; `InvalidRequest` for
        what is more than a whole quota or has no known price; and what the router raises.
        """
        session = caller.session
        request = await name_providers(request, session)
        terms = self.policy.terms(caller, request)
        request = terms.bound(request)
        if terms.quotas:
            request = await read_all(request)
        reservation, route = None, terms.route
        if terms.quotas:
            reservation = await RequestReservation.open(session, request, terms, self._reserved_money)
            request, route = reservation.request, reservation.route
        tally = self.meter.start(session)
        try:
            async with session.answer(request, route, hedge=reservation is None) as (events, wait):
                event: Event | None = None
                while not isinstance(event, Done):
                    with wait:
                        event = await anext(events)
                    if isinstance(event, Done):
                        event = _priced(event, session)
                    if reservation is not None:
                        await reservation.follow(event, tally.answer_bytes)
                    tally.add(event)
                    yield event
                await anext(events, None)  # they end by themselves: closing them, by an exception, takes longer
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:
            tally.outcome = getattr(error, "kind", "failed")
            if isinstance(error, ProviderError):
                error.attempts = session.prices.priced(error.attempts)
            raise
        finally:
            tally.close()
            settlement = None
            if reservation is not None:
                settlement = reservation.settlement(tally.sent_attempts, tally.answer_bytes, tally.price)
            self.meter.finish(tally, terms.billed_to, caller.surface, settlement)
            if reservation is not None:
                await reservation.settle(tally.sent_attempts, tally.answer_bytes)

    def _count_attempt(self, observed: ObservedAttempt) -> None:
        attempt = observed.attempt
        self.days.note(f"{attempt.provider}/{attempt.model}", attempt, is_known=observed.is_known)

    async def count_tokens(self, caller: Caller, request: ChatRequest) -> TokenCount:
        """The tokens of a request that is not made: as its vendor counts them, or an estimate. Raises `LLMHubError`."""
        request = await name_providers(request, caller.session)
        route = self.policy.terms(caller, request).route
        counted = await caller.session.count_tokens(request, route)
        target = caller.session.target(route.targets[0])
        return TokenCount(target, counted, estimate_tokens(request, target) if counted is None else 0)

    def program(self, name: str, surface: str) -> Caller:
        """A program that asks the API. `name` is its key's, or `local`; `surface` is the endpoint's path."""
        return Caller(surface, self.owner_session, name)

    def visitor(self, page: PageRequest, surface: str) -> Caller:
        """Somebody who asks on the page; `surface` is the tab."""
        scope = page.request.scope if page.request is not None else None
        return Caller(surface, self.session(page), address=self._address_of(scope) if scope is not None else None)

    def session(self, page: PageRequest) -> Session:
        """The hub as somebody at the page may use it: with the keys of their tab."""
        keys = self.visitors.keys_of(page)
        at_owners_computer = not self.policy.public and _is_here(page)
        if not keys and (at_owners_computer or self.policy.public):
            return self.common_session
        return self.policy.session(self.hub, keys, at_owners_computer=at_owners_computer)

    def session_of_tab(self, secret: str) -> Session:
        """The hub as the tab with this secret may use it, for the list and the test of the tab's own keys.

        Those do not come through Gradio. They spend nothing of the owner's, so it does not matter through which proxy.
        """
        keys = self.visitors.keys_of_tab(secret)
        return self.policy.session(self.hub, keys, at_owners_computer=True) if keys else self.common_session


def _priced(event: Done, session: Session) -> Done:
    """The end of an answer with the prices of its attempts, as far as they are known."""
    attempts = session.prices.priced(event.response.attempts)
    return event if attempts == event.response.attempts else Done(replace(event.response, attempts=attempts))


def _is_here(page: PageRequest) -> bool:
    """Whether a request of the page comes from this computer, and through no proxy."""
    client = page.request.client if page.request is not None else None
    return client is not None and from_here(client.host, page.headers)
