"""Who visits the page, and with which keys.

A tab names itself with a secret of its own, which it sends in a header: neither a cookie, which a frame on another site
would not have, nor Gradio's session hash, which stands in addresses. Keys live here alone, in memory, for as long as
the tab does.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from llm_hub.access.client_address import from_here
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.meter import Meter
from llm_hub.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from llm_hub.chat import ChatRequest, Event
    from llm_hub.hub import Hub
    from llm_hub.usage.quotas import Quota

TAB = "x-llm-hub-tab"
"""The header in which a tab sends its secret."""
IDLE = 2 * 3600.0
"""Seconds without a request after which a tab's keys are forgotten."""
GRACE = 60.0
"""Seconds that a closed tab's keys are kept: a connection that was only lost comes back sooner."""
MAX_TABS = 2000
"""Tabs whose keys are kept; the one that was not used for longest goes first."""
SIGNED_IN = "huggingface"
"""The provider that the token of a Hugging Face sign-in is a key of."""
MAX_KEY_CHARS = 512
MAX_STRANGER_ANSWER_TOKENS = 4096
"""Tokens of an answer that the owner pays for a stranger: what is reserved for it is what it may cost at most."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{40,80}")


class Visitor(Protocol):
    """A request of the page, as Gradio hands it to a handler."""

    request: Any
    """Starlette's own."""
    session_hash: str | None

    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class StrangerQuota:
    """What strangers may use of the owner's money: each of them by their address, and all of them together."""

    each: Quota
    everybody: Quota
    address: Callable[[Any], str | None]
    """Who asks, from an ASGI scope."""
    longest: int = MAX_STRANGER_ANSWER_TOKENS
    """Tokens of an answer."""

    def of(self, visitor: Visitor) -> list[tuple[Quota, str]]:
        address = self.address(visitor.request.scope) if visitor.request is not None else None
        return [(self.each, address or "here"), (self.everybody, "everybody")]


@dataclass(frozen=True, slots=True)
class _Key:
    provider: str
    key: str = field(repr=False)


@dataclass(slots=True)
class _Tab:
    until: float
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)
    """Of a visitor who signed in with Hugging Face."""

    @property
    def all(self) -> dict[str, str]:
        """What it pays with: a typed key goes before a token."""
        return ({SIGNED_IN: self.token} if self.token else {}) | self.keys

    def each(self) -> list[_Key]:
        typed = [_Key(provider, key) for provider, key in self.keys.items()]
        return [*typed, _Key(SIGNED_IN, self.token)] if self.token else typed


class Visitors:
    """The hub as each visitor sees it. `owner_pays`: with the owner's keys too, where they have none of their own.

    `trusted`: whoever visits is the owner, or somebody the owner lets near this computer. Others have an `allowance`.
    Both hold with `only_here` for this computer's own browsers alone: through a proxy anybody may come.
    """

    def __init__(
        self,
        hub: Hub,
        *,
        owner_pays: bool,
        trusted: bool,
        only_here: bool = False,
        allowance: StrangerQuota | None = None,
        meter: Meter | None = None,
        redactor: Redactor | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._allowance = allowance
        self._meter = meter or Meter()
        self._redactor = redactor or Redactor()
        self._owner_pays = owner_pays
        self._trusted = trusted
        self._only_here = only_here
        self._clock = clock
        self._tabs: OrderedDict[str, _Tab] = OrderedDict()
        self._sessions: dict[str, str] = {}
        """By Gradio's session, which is all that is known of a tab when it is closed."""
        self._gone: deque[_Key] = deque()
        """Keys that were taken away, until `sweep` closes what was opened with them. Any thread may add."""
        self.anyone = self._view({})
        """The hub as it is without keys of one's own."""

    def hub(self, visitor: Visitor) -> Hub:
        """The hub as this visitor sees it."""
        secret = visitor.headers.get(TAB, "")
        self._sign_in(secret, _token(visitor))
        tab = self._tab(secret)
        if tab is not None and visitor.session_hash:
            self._sessions[visitor.session_hash] = _hash(secret)
        keys = tab.all if tab is not None else {}
        if self._only_here and not _is_here(visitor):
            return self._hub.for_visitor(keys)
        return self._view(keys) if keys else self.anyone

    def events(self, visitor: Visitor, request: ChatRequest, way: str) -> AsyncGenerator[Event]:
        """The answer to a visitor's request, counted; where the owner pays for a stranger, within limits.

        What the owner's program has registered is the owner's, whoever pays for the rest of a route.

        Raises `LimitReached`, `InvalidRequest` for what is more than all that is allowed or has no known price, and as
        the hub does.
        """
        hub, limits = self.hub(visitor), []
        payer = hub.payer(request)
        if self._allowance is not None and (payer == "owner" or hub.uses_registered(request)):
            limits, longest = self._allowance.of(visitor), self._allowance.longest
            request = replace(request, max_tokens=min(request.max_tokens or longest, longest))
        who = "visitor" if payer == "visitor" else "page"
        return self._meter.events(hub, request, who=who, way=way, limits=limits)

    def hub_of(self, secret: str) -> Hub:
        """The hub as the visitor sees it whose tab has this secret."""
        tab = self._tab(secret)
        return self.anyone if tab is None else self._view(tab.all)

    def held(self, secret: str) -> dict[str, str]:
        """The providers that a tab has keys for, and the last four characters of each."""
        tab = self._tab(secret)
        return {provider: key[-4:] if len(key) >= 12 else "" for provider, key in tab.keys.items()} if tab else {}

    def signed_in(self, secret: str) -> bool:
        """Whether a tab's visitor signed in with Hugging Face."""
        tab = self._tab(secret)
        return tab is not None and bool(tab.token)

    def keep(self, secret: str, provider: str, key: str) -> None:
        """Keeps a key for as long as the tab lives. Raises `ConfigurationError` for one that cannot be used."""
        if not _SECRET.fullmatch(secret):
            raise ConfigurationError("The page is too old to keep a key.", hint="Reload it.")
        if len(key) > MAX_KEY_CHARS:
            raise ConfigurationError("That is too long for a key.", hint="Copy the key again, in one line.")
        key = self._hub.checked_key(provider, key)
        self.drop(secret, provider)
        self._redactor.hold(key)
        self._opened(secret).keys[provider] = key

    def drop(self, secret: str, provider: str) -> None:
        """Forgets a key."""
        tab = self._tab(secret)
        if tab is not None and (key := tab.keys.pop(provider, "")):
            self._gone.append(_Key(provider, key))

    def without_keys(self, text: str) -> str:
        """A text that is kept, or shown to others."""
        return self._redactor(text)

    async def leave(self, session: str) -> None:
        """A tab was closed, or its connection was lost."""
        tab = self._tabs.get(self._sessions.pop(session, ""))
        if tab is not None:
            tab.until = min(tab.until, self._clock() + GRACE)

    async def tend(self, every: float = GRACE / 2) -> None:
        """Forgets what is over, for as long as the hub runs."""
        while True:
            await asyncio.sleep(every)
            self.sweep()

    def sweep(self) -> None:
        """Forgets the keys of tabs that were closed, or not used for long, and closes what nobody has a key for."""
        now = self._clock()
        for name in [name for name, tab in self._tabs.items() if tab.until <= now]:
            self._forget(name)
        held = {key for tab in self._tabs.values() for key in tab.each()} if self._gone else set()
        while self._gone:
            gone = self._gone.popleft()
            self._redactor.drop(gone.key)
            if gone not in held:
                self._hub.forget(gone.provider, gone.key)
        self._sessions = {session: name for session, name in self._sessions.items() if name in self._tabs}

    def _opened(self, secret: str) -> _Tab:
        tab = self._tabs.setdefault(_hash(secret), _Tab(self._clock() + IDLE))
        while len(self._tabs) > MAX_TABS:
            self._forget(next(iter(self._tabs)))
        return tab

    def _sign_in(self, secret: str, token: str) -> None:
        """Keeps the token of whoever is signed in, for as long as they are."""
        tab = self._opened(secret) if token and _SECRET.fullmatch(secret) else self._tab(secret)
        if tab is not None and tab.token != token:
            old, tab.token = tab.token, token
            self._redactor.hold(token)
            if old:
                self._gone.append(_Key(SIGNED_IN, old))

    def _view(self, keys: Mapping[str, str]) -> Hub:
        return self._hub.for_visitor(keys, owner_pays=self._owner_pays, trusted=self._trusted)

    def _tab(self, secret: str) -> _Tab | None:
        name = _hash(secret)
        tab = self._tabs.get(name)
        if tab is None or tab.until <= self._clock():
            return None
        tab.until = self._clock() + IDLE
        self._tabs.move_to_end(name)
        return tab

    def _forget(self, name: str) -> None:
        self._gone.extend(self._tabs.pop(name).each())


def _is_here(visitor: Visitor) -> bool:
    client = visitor.request.client if visitor.request is not None else None
    return client is not None and from_here(client.host, visitor.headers)


def _token(visitor: Visitor) -> str:
    """The token of a Hugging Face sign-in, which Gradio keeps in a signed cookie."""
    session = visitor.request.scope.get("session") if visitor.request is not None else None
    signed = (session or {}).get("oauth_info") or {}
    over = signed.get("expires_at")
    return str(signed.get("access_token") or "") if over is None or over > time.time() else ""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
