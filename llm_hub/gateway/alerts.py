"""Alerts: what is posted to the owner's webhook when a target is paused, or a day's money is nearly spent.

They are sent in the background, one after another, and no answer waits for them. What was told is not told again for a
while: a target's pause for a quarter of an hour, a day's money once a day for each level, and none that it is nearly
spent after it was told that it is. Of several hubs that share a Redis, the first one to send it does. The webhook's URL
is a secret with which anybody could write there: no error and no line of the log has it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_hub.access.shared_health import machine_of
from llm_hub.errors import ModelNotFound
from llm_hub.gateway.daemon_thread import in_daemon_thread
from llm_hub.redaction import shorten
from llm_hub.usage.amounts import DAY, Spending, duration_text, money_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import httpx2

    from llm_hub.access.observed_attempt import ObservedAttempt
    from llm_hub.wire.network import Network

    Post = Callable[[dict[str, Any]], int]
    """Posts an alert and gives the status of the reply, in a thread. Raises whatever prevents a reply."""
    Claim = Callable[[Sequence[str], float], Awaitable[bool]]

log = logging.getLogger(__name__)

REPEAT_AFTER = 900.0
"""Seconds after which the pause of a target may be told again."""
NEARLY_SPENT = 0.8
"""The share of a day's money from which on its spending is told."""
MAX_WAITING = 100
"""Alerts that wait to be sent. If more come, the oldest are lost."""
MAX_REMEMBERED = 1000
"""Alerts that are remembered, so that they are not told again."""
RETRY_WAITS = (1.0, 5.0, 30.0)
"""Seconds before each further try."""
POST_TIMEOUT = 10.0
"""Seconds that the webhook's server may be silent."""
STOP_GRACE = 2.0
"""Seconds that the alerts that wait get when the hub stops."""
WITHOUT_KEY = {"local": "the programs on this computer", "checks": "the background checks"}
"""Who has limits of a key's, and no key, by the name in the ledger."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One event. `fields` are for programs, `text` is for people.

    `names` are what it is about, for hubs that would tell the same within `repeat_after` seconds. `outdated` are those
    of an alert that would be no news after it.
    """

    event: str
    text: str
    fields: dict[str, Any]
    names: tuple[str, ...]
    repeat_after: float
    outdated: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The JSON that is posted. Slack, Mattermost and Google Chat show `text`, Discord shows `content`."""
        text = f"LLM Hub: {self.text}".replace("@", "@\u200b").translate({ord("<"): "(", ord(">"): ")"})
        return {"text": text, "content": text, "allowed_mentions": {"parse": []}, "event": self.event, **self.fields}


class Alerts:
    """Collects alerts, and sends them. `clean` leaves keys out of a text.

    `claim` says whether no other hub has claimed any of these names for so many seconds. Without one each hub sends.
    `post` sends one; `sleep` waits between tries, and `clock` and `now` give seconds: that of a clock that nobody sets
    back, and the time of day.
    """

    def __init__(
        self,
        post: Post,
        *,
        clean: Callable[[str], str] = str,
        claim: Claim | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._post = post
        self._clean = clean
        self._claim = claim
        self._own = secrets.token_hex(8)
        """Stands for what is inside of this hub, beside which other hubs have their own."""
        self._sleep = sleep
        self._clock = clock
        self._now = now
        self._told: dict[tuple[object, ...], float] = {}
        self._waiting: deque[Alert] = deque(maxlen=MAX_WAITING)
        self._has_waiting = asyncio.Event()

    def note_attempt(self, observed: ObservedAttempt) -> None:
        """An attempt is over: tells if it left its target paused. What one reason does to many models is told once.

        That somebody asked for a model that does not exist is no news, and its name may be a key in the wrong place.
        """
        is_typed = observed.attempt.outcome == ModelNotFound.kind and not observed.is_known
        if not observed.pause_reason or is_typed:
            return
        provider, place = observed.attempt.provider, observed.target.place
        is_new = self._is_new(observed.name, place)
        if not self._is_new(provider, place, observed.pause_reason) or not is_new:
            return
        seconds = observed.pause_seconds
        until = "until somebody mends the cause" if seconds is None else f"for {duration_text(max(1.0, seconds))}"
        which = f" ({observed.target.title})" if place else ""
        reason = self._clean(shorten(observed.pause_reason))
        name = self._clean(observed.name)
        address = observed.target.provider.address
        server = f"{machine_of(address)} {address}" if address else self._own
        self._add(
            Alert(
                "target_paused",
                f"{name}{which} is paused {until}. {reason}",
                {"target": name, "place": place or None, "reason": reason, "seconds": seconds and round(seconds, 1)},
                tuple(
                    f"paused {server} {what}" for what in (f"{observed.name} {place}", f"{provider} {place} {reason}")
                ),
                REPEAT_AFTER,
            )
        )

    def note_spending(self, spending: Spending) -> None:
        """So much of a day's money is spent: tells at 80 %, and when it is gone."""
        share = spending.used / spending.limit
        is_gone = share >= 1 or (spending.refused and share >= NEARLY_SPENT)
        level = "money_spent" if is_gone else "money_nearly_spent"
        day = int(self._now() // DAY)
        if share < NEARLY_SPENT or not self._is_new(day, level, spending.whose, spending.name):
            return
        if is_gone:
            self._is_new(day, "money_nearly_spent", spending.whose, spending.name)
        whose = spending.whose
        if whose == "this key":
            whose = WITHOUT_KEY.get(spending.name, f"the key {spending.name}")
        used, limit = money_text(spending.used), money_text(spending.limit)
        end = " No more is spent before midnight UTC." if is_gone else ""
        self._add(
            Alert(
                level,
                f"{used} of the day's {limit} for {whose} are spent, or reserved by what is being answered.{end}",
                {"whose": whose, "used_dollars": float(used[1:]), "limit_dollars": float(limit[1:])},
                (f"{level} {day} {whose}",),
                DAY,
                (f"money_nearly_spent {day} {whose}",) if is_gone else (),
            )
        )

    async def send_forever(self) -> None:
        """Sends what waits, one after another, for as long as the hub runs."""
        while True:
            await self._has_waiting.wait()
            await self.send_waiting()

    async def aclose(self) -> None:
        """Sends what waits, if that goes fast."""
        try:
            async with asyncio.timeout(STOP_GRACE):
                await self.send_waiting(())
        except TimeoutError:
            log.warning("%d alerts were not sent: the webhook takes too long.", len(self._waiting))

    async def send_waiting(self, waits: tuple[float, ...] = RETRY_WAITS) -> None:
        """Sends what waits, each with a further try after each of `waits` while that may help."""
        while self._waiting:
            alert = self._waiting[0]
            if await self._is_ours(alert):
                await self._send(alert, waits)
            if self._waiting and self._waiting[0] is alert:  # a full queue may have dropped it
                self._waiting.popleft()
        self._has_waiting.clear()

    async def _is_ours(self, alert: Alert) -> bool:
        """Whether no other hub has told this. From now on none will, nor what it makes old, if that was not told."""
        if self._claim is None:
            return True
        if alert.outdated:
            await self._claim(alert.outdated, alert.repeat_after)
        return await self._claim(alert.names, alert.repeat_after)

    async def _send(self, alert: Alert, waits: tuple[float, ...]) -> None:
        """Posts an alert, and again after each of `waits` where that may help."""
        for wait in (*waits, None):
            problem, may_help = await self._try(alert)
            if not problem:
                return
            if wait is None or not may_help:
                log.warning("An alert (%s) could not be sent to the webhook: %s.", alert.event, problem)
                return
            await self._sleep(wait)

    async def _try(self, alert: Alert) -> tuple[str, bool]:
        """What went wrong, "" for nothing, and whether a further try may help."""
        try:
            status = await in_daemon_thread(partial(self._post, alert.document()))
        except Exception as error:  # noqa: BLE001  # whatever it is: its text may show the URL
            return type(error).__name__, True
        if 200 <= status < 300:
            return "", False
        return f"it answered {status}", status >= 500 or status in (408, 429)

    def _is_new(self, *about: object) -> bool:
        """Whether this was not told lately. From now on it was."""
        now = self._clock()
        told, self._told[about] = self._told.get(about), now
        if told is not None and now - told < (DAY if isinstance(about[0], int) else REPEAT_AFTER):
            self._told[about] = told
            return False
        while len(self._told) > MAX_REMEMBERED:
            del self._told[next(iter(self._told))]
        return True

    def _add(self, alert: Alert) -> None:
        alert.fields["at"] = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="seconds")
        self._waiting.append(alert)
        self._has_waiting.set()


def webhook(url: str, network: Network) -> Post:
    """What posts to a URL, by the owner's proxy and certificates. Redirects are not followed."""

    def post(document: dict[str, Any]) -> int:
        with _client(network) as client:
            return client.post(url, json=document).status_code

    return post


def try_webhook(url: str, network: Network) -> int:
    """The status of the webhook's reply to a HEAD, which posts nothing. Raises whatever prevents a reply."""
    with _client(network) as client:
        return client.head(url).status_code


def _client(network: Network) -> httpx2.Client:
    import httpx2

    from llm_hub.wire.network_transport import NetworkTransport

    return httpx2.Client(transport=NetworkTransport(network), trust_env=False, timeout=POST_TIMEOUT)
