"""The visitors of the page, and the API keys that they typed.

A tab of a browser names itself with a secret of its own, which it sends in a header: neither a cookie, which a frame on
another site would not have, nor Gradio's session hash, which stands in addresses. Keys are kept here alone, in memory,
for as long as the tab is open.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from llm_hub.errors import ConfigurationError
from llm_hub.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.hub import Hub

TAB_HEADER = "x-llm-hub-tab"
"""The header in which a tab sends its secret."""
MAX_IDLE_SECONDS = 2 * 3600.0
"""Seconds without a request after which a tab's keys are forgotten."""
CLOSED_TAB_GRACE = 60.0
"""Seconds that a closed tab's keys are kept: a connection that was only lost comes back sooner."""
MAX_TABS = 2000
"""Tabs whose keys are kept; the one that was not used for longest is forgotten first."""
SIGN_IN_PROVIDER = "huggingface"
"""The provider that the token of a Hugging Face sign-in is a key of."""
MAX_KEY_CHARS = 512

_SECRET = re.compile(r"[A-Za-z0-9_-]{40,80}")


class PageRequest(Protocol):
    """A request of the page, as Gradio hands it to a handler."""

    request: Any
    """Starlette's own."""
    session_hash: str | None

    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True)
class _ProviderKey:
    provider: str
    key: str = field(repr=False)


@dataclass(slots=True)
class _Tab:
    until: float
    typed_keys: dict[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)
    """Of a visitor who signed in with Hugging Face."""

    @property
    def keys(self) -> dict[str, str]:
        """The keys that it pays with, by provider: a typed key goes before a token."""
        return ({SIGN_IN_PROVIDER: self.token} if self.token else {}) | self.typed_keys

    def secrets(self) -> list[_ProviderKey]:
        """Everything in it that opens a provider, also a token that a typed key takes the place of."""
        typed = [_ProviderKey(provider, key) for provider, key in self.typed_keys.items()]
        return [*typed, _ProviderKey(SIGN_IN_PROVIDER, self.token)] if self.token else typed


def key_ending(key: str) -> str:
    """The last four characters of a key, by which its holder knows it; "" for a short one."""
    return key[-4:] if len(key) >= 12 else ""


class Visitors:
    """The open tabs and their keys. Every key is kept out of the log while a tab has it: `redactor`."""

    def __init__(
        self, hub: Hub, *, redactor: Redactor | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._hub = hub
        self._redactor = redactor or Redactor()
        self._clock = clock
        self._tabs: OrderedDict[str, _Tab] = OrderedDict()
        self._sessions: dict[str, str] = {}
        """Tabs by Gradio's session, which is all that is known of a tab when it is closed."""
        self._removed: deque[_ProviderKey] = deque()
        """Keys that were taken away, until `sweep` closes what was opened with them. Any thread may add."""

    def keys_of(self, page: PageRequest) -> dict[str, str]:
        """The keys of the tab that a request comes from, by provider."""
        secret = page.headers.get(TAB_HEADER, "")
        self._sign_in(secret, _token(page))
        tab = self._tab(secret)
        if tab is not None and page.session_hash:
            self._sessions[page.session_hash] = _hash(secret)
        return tab.keys if tab is not None else {}

    def keys_of_tab(self, secret: str) -> dict[str, str]:
        """The keys of the tab with this secret, by provider."""
        tab = self._tab(secret)
        return tab.keys if tab is not None else {}

    def key_endings(self, secret: str) -> dict[str, str]:
        """The providers that a tab has typed keys for, and the last four characters of each; "" for a short key."""
        tab = self._tab(secret)
        if tab is None:
            return {}
        return {provider: key_ending(key) for provider, key in tab.typed_keys.items()}

    def is_signed_in(self, secret: str) -> bool:
        """Whether a tab's visitor signed in with Hugging Face."""
        tab = self._tab(secret)
        return tab is not None and bool(tab.token)

    def add_key(self, secret: str, provider: str, key: str) -> None:
        """Keeps a key for as long as the tab is open. Raises `ConfigurationError` for one that cannot be used."""
        if not _SECRET.fullmatch(secret):
            raise ConfigurationError("The page is too old to keep a key.", hint="Reload it.")
        if len(key) > MAX_KEY_CHARS:
            raise ConfigurationError("That is too long for a key.", hint="Copy the key again, in one line.")
        key = self._hub.checked_key(provider, key)
        self.remove_key(secret, provider)
        self._redactor.hold(key)
        self._open_tab(secret).typed_keys[provider] = key

    def remove_key(self, secret: str, provider: str) -> None:
        """Forgets a key."""
        tab = self._tab(secret)
        if tab is not None and (key := tab.typed_keys.pop(provider, "")):
            self._removed.append(_ProviderKey(provider, key))

    def redacted(self, text: str) -> str:
        """A text without keys, so that it can be kept or shown to others."""
        return self._redactor(text)

    async def leave(self, session: str) -> None:
        """A tab was closed, or its connection was lost. `session` is Gradio's."""
        tab = self._tabs.get(self._sessions.pop(session, ""))
        if tab is not None:
            tab.until = min(tab.until, self._clock() + CLOSED_TAB_GRACE)

    async def sweep_forever(self, every: float = CLOSED_TAB_GRACE / 2) -> None:
        """Forgets what is over, again and again, for as long as the hub runs."""
        while True:
            await asyncio.sleep(every)
            self.sweep()

    def sweep(self) -> None:
        """Forgets the keys of tabs that were closed, or not used for long, and closes what nobody has a key for."""
        now = self._clock()
        for name in [name for name, tab in self._tabs.items() if tab.until <= now]:
            self._forget(name)
        in_use = {key for tab in self._tabs.values() for key in tab.secrets()} if self._removed else set()
        while self._removed:
            removed = self._removed.popleft()
            self._redactor.drop(removed.key)
            if removed not in in_use:
                self._hub.forget(removed.provider, removed.key)
        self._sessions = {session: name for session, name in self._sessions.items() if name in self._tabs}

    def _open_tab(self, secret: str) -> _Tab:
        tab = self._tabs.setdefault(_hash(secret), _Tab(self._clock() + MAX_IDLE_SECONDS))
        while len(self._tabs) > MAX_TABS:
            self._forget(next(iter(self._tabs)))
        return tab

    def _sign_in(self, secret: str, token: str) -> None:
        """Keeps the token of a visitor who is signed in, for as long as they are."""
        tab = self._open_tab(secret) if token and _SECRET.fullmatch(secret) else self._tab(secret)
        if tab is not None and tab.token != token:
            old, tab.token = tab.token, token
            self._redactor.hold(token)
            if old:
                self._removed.append(_ProviderKey(SIGN_IN_PROVIDER, old))

    def _tab(self, secret: str) -> _Tab | None:
        name = _hash(secret)
        tab = self._tabs.get(name)
        if tab is None or tab.until <= self._clock():
            return None
        tab.until = self._clock() + MAX_IDLE_SECONDS
        self._tabs.move_to_end(name)
        return tab

    def _forget(self, name: str) -> None:
        self._removed.extend(self._tabs.pop(name).secrets())


def _token(page: PageRequest) -> str:
    """The token of a Hugging Face sign-in, which Gradio keeps in a signed cookie."""
    session = page.request.scope.get("session") if page.request is not None else None
    sign_in = (session or {}).get("oauth_info") or {}
    expires_at = sign_in.get("expires_at")
    return str(sign_in.get("access_token") or "") if expires_at is None or expires_at > time.time() else ""


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
