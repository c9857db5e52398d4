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
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.hub import Hub

TAB = "x-llm-hub-tab"
"""The header in which a tab sends its secret."""
IDLE = 2 * 3600.0
"""Seconds without a request after which a tab's keys are forgotten."""
GRACE = 60.0
"""Seconds that a closed tab's keys are kept: a connection that was only lost comes back sooner."""
MOST = 2000
"""Tabs whose keys are kept; the one that was not used for longest goes first."""
LONGEST_KEY = 512

_SECRET = re.compile(r"[A-Za-z0-9_-]{40,80}")


class Visitor(Protocol):
    """A request of the page, as Gradio hands it to a handler."""

    session_hash: str | None

    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(slots=True)
class _Tab:
    until: float
    keys: dict[str, str] = field(default_factory=dict, repr=False)


class Visitors:
    """The hub as each visitor sees it. `owner_pays`: with the owner's keys too, where they have none of their own.

    `trusted`: whoever visits is the owner, or somebody the owner lets near this computer.
    """

    def __init__(
        self, hub: Hub, *, owner_pays: bool, trusted: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._owner_pays = owner_pays
        self._trusted = trusted
        self._clock = clock
        self._tabs: OrderedDict[str, _Tab] = OrderedDict()
        self._sessions: dict[str, str] = {}
        """By Gradio's session, which is all that is known of a tab when it is closed."""
        self.anyone = self._view({})
        """The hub as it is without keys of one's own."""

    def hub(self, visitor: Visitor) -> Hub:
        """The hub as this visitor sees it."""
        tab = self._tab(visitor.headers.get(TAB, ""))
        if tab is None:
            return self.anyone
        if visitor.session_hash:
            self._sessions[visitor.session_hash] = _hash(visitor.headers.get(TAB, ""))
        return self._view(tab.keys)

    def hub_of(self, secret: str) -> Hub:
        """The hub as the visitor sees it whose tab has this secret."""
        tab = self._tab(secret)
        return self.anyone if tab is None else self._view(tab.keys)

    def held(self, secret: str) -> dict[str, str]:
        """The providers that a tab has keys for, and the last four characters of each."""
        tab = self._tab(secret)
        return {provider: key[-4:] if len(key) >= 12 else "" for provider, key in tab.keys.items()} if tab else {}

    def keep(self, secret: str, provider: str, key: str) -> None:
        """Keeps a key for as long as the tab lives. Raises `ConfigurationError` for one that cannot be used."""
        if not _SECRET.fullmatch(secret):
            raise ConfigurationError("The page is too old to keep a key.", hint="Reload it.")
        if len(key) > LONGEST_KEY:
            raise ConfigurationError("That is too long for a key.", hint="Copy the key again, in one line.")
        key = self._hub.checked_key(provider, key)
        self.drop(secret, provider)
        self._tabs.setdefault(_hash(secret), _Tab(self._clock() + IDLE)).keys[provider] = key
        while len(self._tabs) > MOST:
            self._forget(next(iter(self._tabs)))

    def drop(self, secret: str, provider: str) -> None:
        """Forgets a key."""
        tab = self._tab(secret)
        if tab is not None and (key := tab.keys.pop(provider, "")):
            self._hub.forget(provider, key)

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
        """Forgets the keys of tabs that were closed, or not used for long."""
        now = self._clock()
        for name in [name for name, tab in self._tabs.items() if tab.until <= now]:
            self._forget(name)
        self._sessions = {session: name for session, name in self._sessions.items() if name in self._tabs}

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
        for provider, key in self._tabs.pop(name).keys.items():
            self._hub.forget(provider, key)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
