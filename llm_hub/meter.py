"""The meter: every request for an answer passes through it, and is limited, counted and kept in the ledger.

The hub, the router and the adapters know nothing of it: events come through untouched.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING

from llm_hub import logs
from llm_hub.chat import (
    Attempt,
    AttemptFailed,
    AttemptStarted,
    Done,
    Image,
    ReasoningDelta,
    Resumed,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Usage,
)
from llm_hub.ledger import COUNTS, Entry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from llm_hub.chat import ChatRequest, Event, Message
    from llm_hub.hub import Hub
    from llm_hub.ledger import Ledger
    from llm_hub.limits import Limits, Reservation
    from llm_hub.metrics import Metrics

BYTES_A_TOKEN = 4
"""English text, roughly, and no less of other scripts': for what no provider has counted."""
ANSWER = 1000
"""Tokens that are reserved for an answer whose length the request does not limit."""
IMAGE = 1000
"""Tokens that are reserved for an image."""
UNSEEN = 100
"""Tokens a second that a model may have reasoned, for all that is known, where it was left before it was done."""
LEFT = frozenset({"cancelled", "timed_out", "stream_broken"})
"""Outcomes of attempts that a provider was at work on: it takes money for them, and counts nothing."""
NOT_ASKED = frozenset({"paused", "not_configured", "not_offered"})
"""Outcomes of attempts that never left the hub."""


class Meter:
    """Where requests are counted: in the log, and in `ledger` and `metrics` where there are such."""

    def __init__(
        self, ledger: Ledger | None = None, metrics: Metrics | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.ledger = ledger
        self.metrics = metrics
        self._clock = clock

    async def events(
        self, hub: Hub, request: ChatRequest, *, who: str, way: str, limits: Sequence[tuple[Limits, str]] = ()
    ) -> AsyncGenerator[Event]:
        """`hub.events(request)` for `who`, who asks by this `way`: see `Entry`.

        `limits` come each with whom it counts for. Raises `LimitReached` before anybody is asked, else as the hub does.
        """
        reservations = await _reserve(hub, request, limits) if limits else []
        tally = _Tally(hub, request, logs.current.get())
        if self.metrics:
            self.metrics.running.inc()
        try:
            async with aclosing(hub.events(request)) as events:
                async for event in events:
                    tally.add(event)
                    yield event
        except (GeneratorExit, asyncio.CancelledError):
            raise
        except BaseException as error:
            tally.outcome = getattr(error, "kind", "failed")
            raise
        finally:
            if self.metrics:
                self.metrics.running.dec()
            self._count(tally, who, way)
            for reservation in reservations:
                await tally.settle(reservation)

    def _count(self, tally: _Tally, who: str, way: str) -> None:
        tally.close()
        if self.metrics:
            self.metrics.tried(tally.attempts)
            for attempt, price in tally.prices:
                if attempt.usage:
                    self.metrics.used(attempt.provider, attempt.model, attempt.usage, price)
        if self.ledger and tally.asked:
            self.ledger.note(
                Entry(
                    self._clock(),
                    who,
                    way,
                    tally.target,
                    tally.outcome,
                    len(tally.attempts),
                    tally.seconds,
                    tally.first_token,
                    tally.usage,
                    tally.price,
                )
            )
        line = tally.line
        if line is not None:
            line.target, line.outcome = tally.target, tally.outcome
        else:
            logs.Request("", who, way, tally.target, tally.outcome, None, tally.seconds).log()


class _Tally:
    """What has been seen of a request so far."""

    def __init__(self, hub: Hub, request: ChatRequest, line: logs.Request | None) -> None:
        self.line = line
        self.outcome = "cancelled"
        self.attempts: list[Attempt] = []
        self.first_token: float | None = None
        self.seconds = 0.0
        self.prices: list[tuple[Attempt, Decimal | None]] = []
        self._hub = hub
        self._request = request
        self._began = time.perf_counter()
        self._spoken = 0
        self._open: tuple[AttemptStarted | Resumed, float] | None = None

    def add(self, event: Event) -> None:
        if isinstance(event, TextDelta | ReasoningDelta | ToolCallDelta):
            if self.first_token is None:
                self.first_token = time.perf_counter() - self._began
            self._spoken += _bytes(event.arguments if isinstance(event, ToolCallDelta) else event.text)
        elif isinstance(event, AttemptStarted | Resumed):
            self._open = event, time.perf_counter() - self._began
        elif isinstance(event, AttemptFailed):
            self._open = None
            self.attempts.append(event.attempt)
        elif isinstance(event, Done):
            self._open = None
            self.attempts = list(event.response.attempts)
            self.outcome = "answered"

    def close(self) -> None:
        """The request is over."""
        self.seconds = time.perf_counter() - self._began
        if self._open is not None:  # what was cancelled never failed
            event, began = self._open
            first = None if self.first_token is None or self.first_token < began else self.first_token - began
            self.attempts.append(Attempt(event.provider, event.model, began, self.seconds - began, first, self.outcome))
        self.prices = [(attempt, self._hub.price(attempt)) for attempt in self.attempts if attempt.usage]

    @property
    def asked(self) -> list[Attempt]:
        """The attempts that reached a provider."""
        return [attempt for attempt in self.attempts if attempt.outcome not in NOT_ASKED]

    @property
    def target(self) -> str:
        """Who answered; where nobody did, who was asked first."""
        attempts = self.asked or self.attempts
        if not attempts:
            return ""
        attempt = attempts[-1 if self.outcome == "answered" else 0]
        return f"{attempt.provider}/{attempt.model}"

    @property
    def usage(self) -> Usage:
        """What the attempts reported, together."""
        if len(self.prices) == 1:
            return self.prices[0][0].usage or Usage()
        found: dict[str, int] = {}
        for attempt, _ in self.prices:
            for name in COUNTS:
                if attempt.usage and name in attempt.usage:
                    found[name] = found.get(name, 0) + attempt.usage[name]  # type: ignore[literal-required]
        return found  # type: ignore[return-value]  # the names are the same

    @property
    def price(self) -> Decimal | None:
        """What they cost together, as far as they said what they used; None where one of them has no price."""
        known = [price for _, price in self.prices if price is not None]
        return sum(known[1:], known[0]) if known and len(known) == len(self.prices) else None

    async def settle(self, reservation: Reservation) -> None:
        """Ends a reservation with what was used: as it was counted, or where it was not, as it can be estimated."""
        if not self.asked:
            await reservation.release()
            return
        spoken = self._spoken // BYTES_A_TOKEN
        left = [attempt for attempt in self.asked if attempt.outcome in LEFT and not attempt.usage]
        bills: list[tuple[Usage, Decimal | None]] = []
        if self.outcome == "answered" and self.usage.get("prompt_tokens"):
            bills.append((self.usage, self.price))
        elif self.outcome == "answered" or (spoken and not left):  # what fails at once is not charged
            bills.append(self._estimate(self.target, spoken))
        for attempt in left:
            unseen = min(self._request.max_tokens or ANSWER, int(attempt.seconds * UNSEEN))
            read = spoken if attempt is left[-1] and self.outcome != "answered" else 0
            bills.append(self._estimate(f"{attempt.provider}/{attempt.model}", max(unseen, read)))
        tokens = sum(usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0) for usage, _ in bills)
        money = sum((price for _, price in bills if price is not None), Decimal(0))
        await reservation.settle(tokens=tokens, money=money)

    def _estimate(self, target: str, spoken: int) -> tuple[Usage, Decimal | None]:
        usage = Usage(prompt_tokens=_length(self._request), completion_tokens=spoken)
        return usage, _price(self._hub, target, usage)


async def _reserve(hub: Hub, request: ChatRequest, limits: Sequence[tuple[Limits, str]]) -> list[Reservation]:
    """Reserves what a request may use at the dearest of its targets. Raises `LimitReached`, or `InvalidRequest`."""
    usage = Usage(prompt_tokens=_length(request), completion_tokens=request.max_tokens or ANSWER)
    money = _most(hub, request, usage) if any(one.money for one, _ in limits) else None
    reservations: list[Reservation] = []
    try:
        for one, whom in limits:
            reservations.append(
                await one.reserve(whom, tokens=usage["prompt_tokens"] + usage["completion_tokens"], money=money)
            )
    except BaseException:  # also where who asks has left
        for reservation in reservations:
            await reservation.release()
        raise
    return reservations


def _most(hub: Hub, request: ChatRequest, usage: Usage) -> Decimal | None:
    """What this usage costs at the dearest of the request's targets, as far as prices are known."""
    defaults = {state.name: state.default_model for state in hub.providers()}
    whole = (name if "/" in name else f"{name}/{defaults.get(name, '')}" for name in hub.order(request))
    return max((price for name in whole if (price := _price(hub, name, usage)) is not None), default=None)


def _price(hub: Hub, target: str, usage: Usage) -> Decimal | None:
    provider, _, model = target.partition("/")
    return hub.price(Attempt(provider, model, 0.0, 0.0, None, "", usage=usage))


def _length(request: ChatRequest) -> int:
    """Tokens of a request's messages, roughly."""
    return sum(_tokens(message) for message in request.messages)


def _tokens(message: Message) -> int:
    if isinstance(message.content, str):
        return 1 + _bytes(message.content) // BYTES_A_TOKEN
    tokens = 1
    for part in message.content:
        match part:
            case Text(text) | ToolResult(_, text):
                tokens += _bytes(text) // BYTES_A_TOKEN
            case ToolCall(arguments=text):
                tokens += _bytes(text) // BYTES_A_TOKEN
            case Image():
                tokens += IMAGE
    return tokens


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
