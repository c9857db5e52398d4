"""What one request reserves of the quotas that hold for it, and what it used in the end.

A provider takes money for an attempt that it was at work on, though it failed, and for the next target's on top of it.
So what a further attempt may use is reserved before it is made: no quota is overrun, however many ask at once. Where
money is limited, it is also written to the database by then (`ReservedMoney`): a killed hub's limit forgets nothing.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Self

from llm_hub.chat import Attempt, AttemptFailed, AttemptStarted, Done, Resumed, Usage, split_target
from llm_hub.chat.request import NO_PROTOCOL
from llm_hub.errors import InvalidRequest
from llm_hub.gateway.request_size import MAX_BYTES_PER_TOKEN, MIN_BYTES_PER_TOKEN, request_tokens
from llm_hub.usage.file_tokens import most_file_tokens
from llm_hub.usage.limit_errors import LimitReached
from llm_hub.usage.reserved_money import Settlement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.gateway.policy import Terms
    from llm_hub.usage.quotas import Reservation
    from llm_hub.usage.reserved_money import ReservedMoney

GROWTH_TOKENS = 200
"""Tokens that are reserved on top, again and again, for an answer that grows longer than its limit."""
CONTINUATION_TOKENS = 100
"""Tokens of the words that ask another model to go on with an answer that broke off."""
HIDDEN_TOKENS_PER_SECOND = 100
"""Tokens that a model may have reasoned unseen, for all that is known, in an attempt that ended before it was done."""
CHARGED_OUTCOMES = frozenset(
    {
        "cancelled",
        "limit_reached",
        "limit_not_kept",
        "timed_out",
        "overtaken",
        "stream_broken",
        "empty_answer",
        "form_broken",
    }
)
"""Outcomes of attempts that a provider was at work on: it takes money for them, and seldom says how much."""


class _Cost(NamedTuple):
    """Tokens, and US dollars."""

    tokens: int = 0
    money: Decimal = Decimal(0)

    def plus(self, other: _Cost) -> _Cost:
        return _Cost(self.tokens + other.tokens, self.money + other.money)


class RequestReservation:
    """What one request may use of the quotas in its terms. `session` knows the default models and the prices.

    `reserved_money` is where limited money is written; None: nowhere.
    """

    def __init__(
        self, session: Session, request: ChatRequest, terms: Terms, reserved_money: ReservedMoney | None = None
    ) -> None:
        bounds = [quota.max_answer for quota, _ in terms.quotas if quota.max_answer is not None]
        if bounds and request.max_tokens is None:
            request = replace(request, max_tokens=min(bounds))
        self.request = request
        """The request as it is to be asked: no answer is longer than what is reserved for it."""
        self._session = session
        self._prices = session.prices
        self.route = terms.route
        """The route as it is to be asked: without the targets that nobody named and that may cost more
        than can be known."""
        self._counts_tokens = bool(bounds)
        self._counts_money = any(quota.money for quota, _ in terms.quotas)
        self._reserved_money = reserved_money if self._counts_money else None
        self._billed_to = terms.billed_to
        self._id = ""
        """That of the money that is written; "" for none."""
        self._prompt_tokens = request_tokens(request, MIN_BYTES_PER_TOKEN) if self._counts_tokens else 0
        self._messages = request.messages if self._counts_tokens else ()
        self._reservations: list[Reservation] = []
        self._reserved = _Cost()
        self._spent = _Cost()
        """What the attempts that are over may have used."""
        self._current = _Cost()
        """What the current attempt may use."""
        self._target = ""
        """The target of the current attempt, and how many tokens it reads and may write."""
        self._read_tokens = 0
        self._answer_tokens = request.max_tokens or 0
        self._bytes_before = 0
        """Bytes of the answer that were written before the current attempt."""
        self._failed: dict[tuple[str, str, float], tuple[int, int]] = {}
        """Tokens that failed attempts read and wrote, on the high side."""

    @classmethod
    async def open(
        cls, session: Session, request: ChatRequest, terms: Terms, reserved_money: ReservedMoney | None = None
    ) -> Self:
        """Reserves one attempt at the dearest of the request's targets.

        Raises `LimitReached`, `LimitNotKept` and `InvalidRequest`.
        """
        reservation = cls(session, request, terms, reserved_money)
        cost = reservation._dearest()
        try:
            for quota, name in terms.quotas:
                reservation._reservations.append(await quota.reserve(name, tokens=cost.tokens, money=cost.money))
            reservation._reserved = cost
            await reservation._write()
        except BaseException:  # also where the client has left
            await reservation.release()
            raise
        return reservation

    async def follow(self, event: Event, answer_bytes: int) -> None:
        """Reserves what the event makes necessary. `answer_bytes` are the bytes of the answer so far.

        Raises `LimitReached` if there is not so much left: then the attempt that begins must not be made, or the answer
        that has grown beyond its bound (not every server keeps to `max_tokens`) must be ended. Raises `LimitNotKept`.
        """
        match event:
            case AttemptFailed(attempt):
                if is_charged(attempt):
                    self._spent = self._spent.plus(self._current)
                    self._failed[attempt.provider, attempt.model, attempt.started] = self._estimate(answer_bytes)
            case AttemptStarted() | Resumed():
                self._bytes_before, self._target = answer_bytes, f"{event.provider}/{event.model}"
                continued = answer_bytes // MIN_BYTES_PER_TOKEN + CONTINUATION_TOKENS
                self._read_tokens = self._prompt_tokens + (continued if isinstance(event, Resumed) else 0)
                self._answer_tokens = self.request.max_tokens or 0
                await self._reserve_current("No further attempt was made.")
            case Done():
                pass
            case _ if self._counts_tokens:
                written = answer_bytes - self._bytes_before
                if written > self._answer_tokens * MAX_BYTES_PER_TOKEN:
                    self._answer_tokens = written // MAX_BYTES_PER_TOKEN + GROWTH_TOKENS
                    await self._reserve_current("The answer was ended, since it is longer than it was to be.")

    async def release(self) -> None:
        """Gives everything back: nobody was asked."""
        if self._reserved_money is not None and self._id:
            self._reserved_money.drop(self._id)
        for reservation in self._reservations:
            await reservation.release()

    async def settle(self, attempts: Sequence[Attempt], answer_bytes: int) -> None:
        """Puts what was used in the place of what was reserved: as it was counted, or as it can be estimated.

        `attempts` are those that reached a provider.
        """
        if not attempts:
            await self.release()
            return
        used = self._used(attempts, answer_bytes)
        for reservation in self._reservations:
            await reservation.settle(tokens=used.tokens, money=used.money)

    def settlement(self, attempts: Sequence[Attempt], answer_bytes: int, price: Decimal | None) -> Settlement | None:
        """What becomes of the written money with the request's row, whose price that is. None: none was written."""
        if not self._id:
            return None
        return Settlement(self._id, self._billed_to, self._used(attempts, answer_bytes).money - (price or Decimal(0)))

    def _used(self, attempts: Sequence[Attempt], answer_bytes: int) -> _Cost:
        used = _Cost()
        for attempt in attempts:
            if attempt.outcome == "answered" or is_charged(attempt):
                used = used.plus(self._cost_of(attempt, answer_bytes))
        return used

    async def _write(self) -> None:
        """Has what is reserved outlive this process."""
        if self._reserved_money is not None and self._reserved.money:
            self._id = self._id or secrets.token_hex(16)
            await self._reserved_money.write(self._id, self._billed_to, self._reserved.money)

    async def _reserve_current(self, consequence: str) -> None:
        """Reserves what the current attempt needs on top of what is reserved already."""
        self._current = self._max_cost(self._target, self._read_tokens)
        need = self._spent.plus(self._current)
        more = _Cost(max(0, need.tokens - self._reserved.tokens), max(Decimal(0), need.money - self._reserved.money))
        if more != _Cost():
            try:
                for reservation in self._reservations:
                    await reservation.extend(tokens=more.tokens, money=more.money)
            except LimitReached as error:
                raise LimitReached(f"{consequence} {error.message}", retry_after=error.retry_after) from None
            self._reserved = self._reserved.plus(more)
            if more.money:
                await self._write()

    def _cost_of(self, attempt: Attempt, answer_bytes: int) -> _Cost:
        """What an attempt used. `answer_bytes` are the bytes of the whole answer."""
        target, usage = f"{attempt.provider}/{attempt.model}", attempt.usage or Usage()
        place = (attempt.provider, attempt.model, attempt.started)
        read, written = self._failed.get(place, self._estimate(answer_bytes))
        if attempt.outcome in CHARGED_OUTCOMES:
            hidden = int(attempt.seconds * HIDDEN_TOKENS_PER_SECOND)
            written = max(written, min(self.request.max_tokens or 0, hidden))
        prompt = usage.get("prompt_tokens") or read + most_file_tokens(self._messages, target)
        answer = usage.get("completion_tokens", written)
        price = self._prices.of(attempt) if self._counts_money else None
        if price is None and self._counts_money:
            price = self._max_price(target, prompt, answer)
        return _Cost(prompt + answer, price or Decimal(0))

    def _estimate(self, answer_bytes: int) -> tuple[int, int]:
        """Tokens that the current or last attempt has read and written, on the high side."""
        return self._read_tokens, min(self._answer_tokens, (answer_bytes - self._bytes_before) // MIN_BYTES_PER_TOKEN)

    def _dearest(self) -> _Cost:
        """The most that an attempt at any target may cost. Raises `InvalidRequest` where that is unknown; an optional
        target is left out."""
        if not self._counts_tokens:
            return _Cost()
        costs: dict[str, _Cost] = {}
        unknown: InvalidRequest | None = None
        for name in self.route.targets:
            target = self._session.target(name) if self._counts_money else name
            try:
                self._check_surcharges(target)
                costs[name] = self._max_cost(target, self._prompt_tokens)
            except InvalidRequest as error:
                if name not in self.route.optional:
                    raise
                unknown = unknown or error
        if unknown and not costs:
            raise unknown
        self.route = replace(self.route, targets=tuple(costs))
        if (original := self.request.original) and original.surcharged:  # no target left may be sent them, ever
            self.request = replace(self.request, original=replace(original, protocol=NO_PROTOCOL))
        return _Cost(max(cost.tokens for cost in costs.values()), max(cost.money for cost in costs.values()))

    def _check_surcharges(self, target: str) -> None:
        """Raises `InvalidRequest` where a target would be sent what may raise its price: others do without it."""
        original = self.request.original
        if original and original.surcharged and self._session.sends_on(target, original.protocol):
            raise InvalidRequest(
                f"{original.surcharged[0]}: may make the answer of {target} dearer than can be known beforehand, and "
                "this hub answers up to a limit only.",
                hint="Leave it out.",
            )

    def _max_cost(self, target: str, prompt_tokens: int) -> _Cost:
        """The most that an attempt at a target may cost. Raises `InvalidRequest` where that is unknown."""
        if not self._counts_tokens:
            return _Cost()
        prompt_tokens += most_file_tokens(self._messages, target)
        money = Decimal(0)
        if self._counts_money:
            price = self._max_price(target, prompt_tokens, self._answer_tokens)
            if (price is None or self._prices.has_fees(target)) and self.route.is_paid(target):
                raise InvalidRequest(
                    f"What {target} costs is not known, and the owner of this hub pays only up to a limit.",
                    hint="Choose another model. The owner can set its price: LLM_HUB_PRICES.",
                )
            money = price or money
        return _Cost(prompt_tokens + self._answer_tokens, money)

    def _max_price(self, target: str, prompt: int, answer: int) -> Decimal | None:
        """US dollars for so many tokens, if all of the prompt is written to the cache, which is the dearest way."""
        provider, model = split_target(target)
        usage = Usage(prompt_tokens=prompt, completion_tokens=answer, cache_write_tokens=prompt)
        original = self.request.original
        if original and original.caches_an_hour and self._session.sends_on(target, original.protocol):
            usage["cache_write_1h_tokens"] = prompt
        return self._prices.of(Attempt(provider, model, 0.0, 0.0, None, "", usage=usage))


def is_charged(attempt: Attempt) -> bool:
    """Whether a provider takes money for an attempt that failed: what it refuses at once costs nothing."""
    return attempt.outcome in CHARGED_OUTCOMES or attempt.first_token is not None or attempt.usage is not None
