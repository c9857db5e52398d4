"""Keys of the API that the owner makes on the page: kept in the database, each as the hash of a random text.

A key is 32 random bytes, so SHA-256 alone keeps it: nobody can guess what was hashed. It is shown once, when it is
made. Each has a name, and quotas of its own beside those of LLM_HUB_LIMIT_*.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError
from llm_hub.usage.amounts import MICRO, to_micro
from llm_hub.usage.quotas import Quota

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from llm_hub.storage.database import Database
    from llm_hub.usage.amounts import Spending
    from llm_hub.usage.counters import Counters

PREFIX = "sk-hub-"
"""How these keys begin: as keys do that logs leave out, and that clients take for one of OpenAI's."""
MAX_KEYS = 500
"""Keys that there may be."""
MAX_CAP = 10**15
"""The largest limit of requests or tokens."""
REFRESH = 30.0
"""Seconds after which another hub with the same database knows that a key was revoked."""
MIN_READ_INTERVAL = 5.0
"""Seconds between two looks for a key that this hub does not know: another hub may have made it."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key without its secret. `requests`, `tokens` and `money` (US dollars) are for a day; None is no limit."""

    name: str
    ending: str
    created_at: float
    requests: int | None = None
    tokens: int | None = None
    money: Decimal | None = None

    @property
    def limits(self) -> tuple[int | None, int | None, Decimal | None]:
        """All of its limits."""
        return self.requests, self.tokens, self.money


class IssuedKeys:
    """The keys of a database. `reserved` are names that no key may have. Its methods raise `ConfigurationError`."""

    def __init__(
        self,
        database: Database,
        counters: Counters,
        *,
        reserved: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._counters = counters
        self._reserved = reserved
        self._clock = clock
        self._keys: dict[str, IssuedKey] = {}
        """By their digests."""
        self._quotas: dict[str, Quota] = {}
        self._opened: dict[tuple[object, ...], Quota] = {}
        self._read_at: float | None = None
        self._reading = asyncio.Lock()
        self.recall: Callable[[Mapping[str, str]], Awaitable[Mapping[str, Mapping[str, int]]]] | None = None
        """What keys used today, of those names alone."""
        self.watch: Callable[[Spending], None] | None = None

    async def find(self, sent_keys: Sequence[bytes]) -> str:
        """The name of the first of these keys that was issued; "" if none was. A digest tells nothing by its time."""
        digests = [_digest(key) for key in sent_keys if is_issued(key)]
        if not digests:
            return ""
        if not any(digest in self._keys for digest in digests):
            async with self._reading:
                if self._read_at is None or self._clock() - self._read_at >= MIN_READ_INTERVAL:
                    await self.read()
        return next((self._keys[digest].name for digest in digests if digest in self._keys), "")

    def quota(self, name: str) -> Quota | None:
        """What the key of this name may use; None: it is no issued key, or has no limits."""
        return self._quotas.get(name)

    async def list(self) -> list[IssuedKey]:
        """All keys, the newest first."""
        await self.read()
        return sorted(self._keys.values(), key=lambda key: -key.created_at)

    async def make(
        self, name: str, *, requests: int | None = None, tokens: int | None = None, money: Decimal | None = None
    ) -> str:
        """A new key, which nobody can find out again. Raises `ConfigurationError`, also for a taken name."""
        if not _NAME.fullmatch(name):
            raise ConfigurationError("A key's name has up to 60 letters, digits, dots, dashes and underscores.")
        if name in self._reserved or any(key.name == name for key in await self.list()):
            raise ConfigurationError(f"The name {name} is taken.")
        if len(self._keys) >= MAX_KEYS:
            raise ConfigurationError(f"There are {MAX_KEYS} keys already.", hint="Revoke one first.")
        if any(cap is not None and not 1 <= cap <= MAX_CAP for cap in (requests, tokens)):
            raise ConfigurationError("A limit is a whole number above 0.")
        if money is not None and not (money.is_finite() and Decimal(1) / MICRO <= money <= MICRO):
            raise ConfigurationError("A limit of money is a number of US dollars above 0.")
        key = PREFIX + secrets.token_urlsafe(32)
        row = {
            "name": name, "digest": _digest(key.encode()), "ending": key[-4:], "created_at": time.time(),
            "requests": requests, "tokens": tokens, "microdollars": None if money is None else to_micro(money),
        }  # fmt: skip
        table = (await self._database.schema()).api_keys

        def write(connection: Connection) -> None:
            connection.execute(table.insert(), [row])

        await self._database.run(write)
        await self.read()
        return key

    async def revoke(self, name: str) -> None:
        """From now on nobody is answered with this key. What was used with it stays in the ledger."""
        table = (await self._database.schema()).api_keys

        def write(connection: Connection) -> None:
            connection.execute(table.delete().where(table.c.name == name))

        await self._database.run(write)
        await self.read()

    async def read(self) -> None:
        """Reads the keys anew."""
        rows: Sequence[Row[tuple[object, ...]]] = ()
        if not self._database.is_missing:
            table = (await self._database.schema()).api_keys
            query = table.select().where(table.c.name.not_in(list(self._reserved)))
            rows = await self._database.run(lambda connection: connection.execute(query).all())
        self._keys = {row.digest: _key(row) for row in rows}
        self._quotas = {key.name: self._open_quota(key) for key in self._keys.values() if any(key.limits)}
        self._read_at = self._clock()

    async def refresh_forever(self) -> None:
        """Looks now and then whether another hub has revoked a key, for as long as this one runs."""
        while True:
            await asyncio.sleep(REFRESH)
            if self._keys:
                try:
                    await self.read()
                except ConfigurationError:  # which the database has logged
                    continue

    def _open_quota(self, key: IssuedKey) -> Quota:
        """The one quota of this name and these limits: it takes up only once what the ledger has of today."""
        if (opened := self._opened.get((key.name, key.limits))) is not None:
            return opened
        quota = self._opened[key.name, key.limits] = Quota(
            self._counters,
            requests=key.requests,
            tokens=key.tokens,
            money=key.money,
            whose=f"the key {key.name}",
            daily_requests=True,
        )
        if self.recall is not None:
            quota.recall = partial(self.recall, {key.name: key.name})
        quota.watch = self.watch
        return quota


def is_issued(key: bytes) -> bool:
    """Whether a text has the form of an issued key, be it one or not."""
    return key.startswith(PREFIX.encode())


def _digest(key: bytes) -> str:
    return hashlib.sha256(key).hexdigest()


def _key(row: Row[tuple[object, ...]]) -> IssuedKey:
    money = None if row.microdollars is None else Decimal(row.microdollars) / MICRO
    return IssuedKey(row.name, row.ending, row.created_at, row.requests, row.tokens, money)
