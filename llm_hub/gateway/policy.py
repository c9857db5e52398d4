"""Who pays for a request, with which keys, and how much they may use. All of it is decided here.

Who is a program, and with which key, is found out before by `authenticate` (api/authentication.py).

    caller                          pays with                           may use
    ------------------------------  ----------------------------------  ------------------------------------------------
    a program with an API key       the owner's keys                    LLM_HUB_LIMIT_* for each API key, and what its
                                                                          key may use if it was made on the page
    a program on this computer      the owner's keys                    LLM_HUB_LIMIT_* together, as `local`
      (only without API keys)
    the owner, on the page          the owner's keys, or typed ones     anything
    a visitor with a typed key      the visitor's own key               anything: it is their money
    a visitor without one           the owner's keys, if the owner      LLM_HUB_VISITOR_* for each address (requests a
                                    pays (LLM_HUB_KEY_MODE=owner)       minute, tokens a day), LLM_HUB_DAILY_* for all
    somebody behind a proxy on      typed keys alone: the hub cannot    anything: it is their money
      the owner's own computer      tell them from the owner

A hub is private where only its own computer can reach the page, and public elsewhere. On a private hub whoever is at
the page is the owner.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from llm_hub.usage.amounts import used_amounts
from llm_hub.usage.quotas import Quota
from llm_hub.usage.usage_sums import UsageSums, sum_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.access.issued_keys import IssuedKeys
    from llm_hub.access.route import Route
    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest
    from llm_hub.gateway.caller import Caller
    from llm_hub.hub import Hub
    from llm_hub.settings import Settings
    from llm_hub.usage.amounts import Spending
    from llm_hub.usage.counters import Counters
    from llm_hub.usage.ledger import Ledger

MAX_VISITOR_ANSWER_TOKENS = 4096
"""Tokens of an answer that the owner pays for a visitor: what is reserved for it is what it may cost at most."""


EVERYBODY = "everybody"
"""The name that all visitors' use is counted for."""


@dataclass(frozen=True, slots=True)
class VisitorQuotas:
    """What visitors may use of the owner's money: each of them by their address, and all of them together."""

    each: Quota
    together: Quota
    max_answer_tokens: int = MAX_VISITOR_ANSWER_TOKENS

    @classmethod
    def from_settings(cls, settings: Settings, counters: Counters) -> VisitorQuotas:
        """The quotas that the settings describe."""
        requests, tokens = settings.visitor_requests, settings.visitor_tokens
        each = Quota(counters, requests=requests, tokens=tokens, whose="each visitor")
        tokens, money = settings.daily_tokens, settings.daily_money
        together = Quota(counters, tokens=tokens, money=money, whose="all visitors together")
        half_a_day = max(1, min(settings.visitor_tokens, settings.daily_tokens) // 2)
        return cls(each, together, min(MAX_VISITOR_ANSWER_TOKENS, half_a_day))


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one answer: its route with its payer, the name it is billed to, and the quotas that hold for it.

    Each quota stands with the name that it counts for. `max_tokens` bounds the answer; None: the request's own bound.
    """

    route: Route
    billed_to: str
    quotas: tuple[tuple[Quota, str], ...] = ()
    max_tokens: int | None = None

    def bound(self, request: ChatRequest) -> ChatRequest:
        """The request, with an answer no longer than the terms allow."""
        if self.max_tokens is None:
            return request
        return replace(request, max_tokens=min(request.max_tokens or self.max_tokens, self.max_tokens))


@dataclass(frozen=True, slots=True)
class Policy:
    """The owner's decisions. `api_keys` are the keys of the API by name; without any it answers this computer alone."""

    public: bool = False
    owner_pays_visitors: bool = True
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_quota: Quota | None = None
    visitor_quotas: VisitorQuotas | None = None
    issued: IssuedKeys | None = None
    """The keys of the API that the owner has made on the page."""

    @classmethod
    def from_settings(cls, settings: Settings, counters: Counters, issued: IssuedKeys | None = None) -> Policy:
        """The policy that the settings describe. `counters` count what is used of the quotas."""
        requests, tokens, money = settings.limit_requests, settings.limit_tokens, settings.limit_money
        is_limited = (requests, tokens, money) != (None, None, None)
        return cls(
            settings.public,
            settings.owner_pays,
            {name: key.get_secret_value() for name, key in settings.api_keys.items()},
            Quota(counters, requests=requests, tokens=tokens, money=money) if is_limited else None,
            VisitorQuotas.from_settings(settings, counters) if settings.public else None,
            issued,
        )

    def recall_from(self, ledger: Ledger) -> None:
        """Lets the quotas of today begin with what the ledger has of it: a restart forgets no money. What each visitor
        used is in no ledger."""
        if self.api_quota is not None:
            self.api_quota.recall = partial(_used_today, ledger)
        if self.visitor_quotas is not None:
            self.visitor_quotas.together.recall = partial(_used_today, ledger, {"page": EVERYBODY})
        if self.issued is not None:
            self.issued.recall = partial(_used_today, ledger)

    def watch_spending(self, watch: Callable[[Spending], None]) -> None:
        """Has `watch` told whenever something of a day's limit of money is spent."""
        if self.api_quota is not None:
            self.api_quota.watch = watch
        if self.visitor_quotas is not None:
            self.visitor_quotas.together.watch = watch
        if self.issued is not None:
            self.issued.watch = watch

    @property
    def owner_alone(self) -> bool:
        """Whether the settings foresee nobody but the owner, on this computer: only then can the page change them."""
        return not self.public and self.owner_pays_visitors and not self.api_keys

    def session(self, hub: Hub, typed_keys: Mapping[str, str], *, at_owners_computer: bool) -> Session:
        """The hub as somebody at the page may use it. `at_owners_computer`: not through a proxy either."""
        if self.public:
            return hub.session(typed_keys, owner_pays=self.owner_pays_visitors, trusted=False)
        if at_owners_computer:
            return hub.session(typed_keys, owner_pays=self.owner_pays_visitors, trusted=True)
        return hub.session(typed_keys, owner_pays=False, trusted=False)

    def terms(self, caller: Caller, request: ChatRequest) -> Terms:
        """On which terms a request is answered."""
        route = caller.session.route_of(request)
        if caller.name:
            return Terms(route, caller.name, tuple((quota, caller.name) for quota in self.quotas_of(caller.name)))
        billed_to = "visitor" if route.key_holder == "visitor" else "page"
        if self.visitor_quotas is None or not route.costs_owner:
            return Terms(route, billed_to)
        quotas = ((self.visitor_quotas.each, caller.address or "here"), (self.visitor_quotas.together, EVERYBODY))
        return Terms(route, billed_to, quotas, self.visitor_quotas.max_answer_tokens)

    def quotas_of(self, program: str) -> tuple[Quota, ...]:
        """The quotas that hold for a program, by the name of its key."""
        own = self.issued.quota(program) if self.issued is not None else None
        return tuple(quota for quota in (self.api_quota, own) if quota)


async def _used_today(ledger: Ledger, names: Mapping[str, str] | None = None) -> dict[str, dict[str, int]]:
    """What the ledger's callers have used today: all of them, or those of `names`, under the names given there.

    Raises `ConfigurationError`.
    """
    reserved = await ledger.reserved.today()  # first: what is settled meanwhile counts twice rather than not at all
    sums = sum_by(await ledger.totals(ledger.today), lambda total: total.caller)
    used_by_name = {}
    for name in sums.keys() | reserved.keys():
        if names is None or name in names:
            used, money = sums.get(name, UsageSums()), reserved.get(name, Decimal(0))
            tokens = used.prompt_tokens + used.completion_tokens
            used_by_name[name if names is None else names[name]] = used_amounts(
                used.requests, tokens, used.price + money
            )
    return used_by_name
