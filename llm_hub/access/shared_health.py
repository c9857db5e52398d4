"""The health of targets as several hubs share it: each has it in memory, and tells the others what it finds out."""

from __future__ import annotations

import json
import math
import socket
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from llm_hub.redaction import redact, shorten
from llm_hub.router.circuit_breaker import BreakerChange, BreakerName
from llm_hub.router.target_health import Health

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.router.target_health import Permit
    from llm_hub.storage.redis_exchange import RedisExchange

TOPIC = "health"
MAX_HOLD_AGE = 60.0
"""Seconds for which a pause without an end is news. A hub that starts later finds out whether its cause is mended."""
MAX_NAME = 200
"""Characters of a model's name that others are told of: anybody may ask for one that does not exist."""
LOOPBACK = ("localhost", "127.", "::1")
"""How hosts begin that are another one on each machine."""


class SharedHealth(Health):
    """Its `exchange` is with hubs that ask the same servers. What runs in a hub's process is that hub's own concern,
    and a server at a loopback address that of the hubs on its machine."""

    def __init__(self, exchange: RedisExchange, *, cooldown: float, clock: Callable[[], float]) -> None:
        super().__init__(cooldown=cooldown, clock=clock)
        self._exchange = exchange
        exchange.hear(TOPIC, self._hear_message)

    async def confirm(self, permit: Permit) -> bool:
        names = [
            json.dumps([*breaker.name, machine_of(breaker.name.address)])
            for breaker in permit.probed
            if breaker.name is not None and not math.isinf(breaker.until)  # which many may find out about at once
        ]
        if not names:
            return True
        is_confirmed = False
        try:
            is_confirmed = await self._exchange.claim(names)
        finally:
            if not is_confirmed:
                permit.release()
        if is_confirmed:
            permit.lease = partial(self._exchange.end_claim, names)
        return is_confirmed

    def _tell(self, name: BreakerName, change: BreakerChange) -> None:
        if len(name.model) > MAX_NAME:
            return
        message = {
            **name._asdict(),
            "model": redact(name.model),
            "machine": machine_of(name.address),
            "kind": change.kind,
            "seconds": None if math.isinf(change.seconds) else change.seconds,
            "reason": redact(shorten(change.reason)),
            "at_once": change.at_once,
        }
        self._exchange.tell(TOPIC, message)

    def _hear_message(self, message: dict[str, Any], age: float) -> None:
        name = BreakerName(*(str(message[field]) for field in BreakerName._fields))
        seconds = math.inf if message["seconds"] is None else float(message["seconds"])
        if message["machine"] != machine_of(name.address) or (math.isinf(seconds) and age > MAX_HOLD_AGE):
            return
        change = BreakerChange(message["kind"], seconds, str(message["reason"]), bool(message["at_once"]))
        self.hear(name, change, age)


def machine_of(address: str) -> str:
    """The machine on which an address leads to a server, "" for one that does so on all of them."""
    host = urlsplit(address).hostname or ""
    return socket.gethostname() if host.startswith(LOOPBACK) else ""
