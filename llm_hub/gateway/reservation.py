"""The budget of a request: what it has reserved of every limit that holds for it, and what it used in the end.

A provider takes money for an attempt that it was at work on, though it failed, and for the next target's on top of it.
So what a further attempt may use is reserved before it is made: no limit is overrun, however many ask at once.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Self

from llm_hub.chat import Attempt, AttemptFailed, AttemptStarted, Image, Resumed, Text, ToolCall, ToolResult, Usage
from llm_hub.errors import InvalidRequest
from llm_hub.usage.image_tokens import most_tokens
from llm_hub.usage.quotas import LimitReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.chat import ChatRequest, Message
    from llm_hub.hub import Hub
    from llm_hub.usage.quotas import Quota, Reservation

MIN_BYTES_PER_TOKEN = 2
"""Of a token in most texts: what is reserved, and what no provider has counted, is on the high side."""
MAX_BYTES_PER_TOKEN = 5
"""Of a token in most texts: an answer of more has more tokens than it was allowed."""
TURN = 8
"""Tokens of a message beside what it says."""
TOOLS = 1000
"""Tokens of what a provider tells a model about tools and forms, beside the request's own words."""
STRETCH = 200
"""Tokens that are reserved on top, again and again, for an answer that grows longer than its limit."""
WISH = 100
"""Tokens of the wish to go on with an answer that broke off."""
UNSEEN = 100
"""Tokens a second that a model may have reasoned, for all that is known, where it was left before it was done."""
AT_WORK = frozenset({"cancelled", "limit_reached", "timed_out", "stream_broken", "empty_answer", "form_broken"})
"""Outcomes of attempts that a provider was at work on: it takes money for them, and seldom says how much."""


class _Need(NamedTuple):
    """Tokens, and US dollars."""

    tokens: int = 0
    money: Decimal = Decimal(0)

    def plus(self, other: _Need) -> _Need:
        return _Need(self.tokens + other.tokens, self.money + other.money)


class RequestReservation:
    """What one request may use of `limits`, each with whom it counts for."""

    def __init__(self, hub: Hub, request: ChatRequest, limits: Sequence[tuple[Quota, str]]) -> None:
        longest = [limit.longest for limit, _ in limits if limit.longest is not None]
        if longest and request.max_tokens is None:
            request = replace(request, max_tokens=min(longest))
        self.request = request
        """The request as it is to be asked: no answer is longer than what is reserved for it."""
        self._hub = hub
        self._limits = limits
        self._counted = bool(longest)
        self._priced = any(limit.money for limit, _ in limits)
        self._prompt = _length(request) if self._counted else 0
        self._images = [image for message in request.messages for image in message.images] if self._counted else []
        self._answer = request.max_tokens or 0
        """Tokens that the answer of the attempt may have that is being made."""
        self._reservations: list[Reservation] = []
        self._reserved = _Need()
        self._spent = _Need()
        """What the attempts may have used that are over."""
        self._next = _Need()
        """What the attempt may use that is being made."""
        self._asked = ""
        """Its target, and how many tokens it is to read."""
        self._read = 0
        self._heard = 0
        """Bytes of text that came before it."""
        self._failed: dict[tuple[str, str, float], tuple[int, int]] = {}
        """Tokens that attempts read and wrote that failed, on the high side."""

    @classmethod
    async def reserved(cls, hub: Hub, request: ChatRequest, limits: Sequence[tuple[Quota, str]]) -> Self:
        """The budget of an attempt at the dearest of the request's targets. Raises `LimitReached`, `InvalidRequest`."""
        budget = cls(hub, request, limits)
        need = budget._dearest()
        try:
            for limit, whom in limits:
                reserved = await limit.reserve(whom, tokens=need.tokens, money=need.money)
                budget._reservations.append(reserved)
        except BaseException:  # also where who asks has left
            await budget.release()
            raise
        budget._reserved = need
        return budget

    async def follow(self, event: AttemptStarted | Resumed | AttemptFailed, spoken: int) -> None:
        """Reserves what an attempt may use that is about to be made. `spoken` are the bytes of the answer so far.

        Raises `LimitReached` if there is not so much left: then the attempt must not be made.
        """
        if isinstance(event, AttemptFailed):
            attempt = event.attempt
            if _charged(attempt):
                self._spent = self._spent.plus(self._next)
                self._failed[attempt.provider, attempt.model, attempt.started] = self._seen(spoken)
            return
        self._heard, self._asked = spoken, f"{event.provider}/{event.model}"
        self._read = self._prompt + (spoken // MIN_BYTES_PER_TOKEN + WISH if isinstance(event, Resumed) else 0)
        self._answer = self.request.max_tokens or 0
        await self._reserve("No further attempt was made.")

    def has_room(self, spoken: int) -> bool:
        """Whether what is reserved covers an answer of so many bytes."""
        return not self._counted or spoken - self._heard <= self._answer * MAX_BYTES_PER_TOKEN

    async def grow(self, spoken: int) -> None:
        """Reserves more for an answer that has no room: not every server keeps to `max_tokens`.

        Raises `LimitReached` if there is not so much left: then the answer must be ended.
        """
        self._answer = (spoken - self._heard) // MAX_BYTES_PER_TOKEN + STRETCH
        await self._reserve("The answer was ended, since it is longer than it was to be.")

    async def _reserve(self, refused: str) -> None:
        """Reserves what the attempt that is being made needs on top of what is reserved."""
        self._next = self._need(self._asked, self._read)
        need = self._spent.plus(self._next)
        more = _Need(max(0, need.tokens - self._reserved.tokens), max(Decimal(0), need.money - self._reserved.money))
        if more != _Need():
            try:
                for reservation in self._reservations:
                    await reservation.extend(tokens=more.tokens, money=more.money)
            except LimitReached as error:
                raise LimitReached(f"{refused} {error.message}", retry_after=error.retry_after) from None
            self._reserved = self._reserved.plus(more)

    async def release(self) -> None:
        """Nothing was used: nobody was asked."""
        for reservation in self._reservations:
            await reservation.release()

    async def settle(self, attempts: Sequence[Attempt], spoken: int) -> None:
        """Ends it with what `attempts` used, which reached a provider: as it was counted, or as it can be estimated."""
        if not attempts:
            await self.release()
            return
        used = _Need()
        for attempt in attempts:
            if attempt.outcome == "answered" or _charged(attempt):
                used = used.plus(self._bill(attempt, spoken))
        for reservation in self._reservations:
            await reservation.settle(tokens=used.tokens, money=used.money)

    def _bill(self, attempt: Attempt, spoken: int) -> _Need:
        """What an attempt used. `spoken` are the bytes of all text."""
        target, counted = f"{attempt.provider}/{attempt.model}", attempt.usage or Usage()
        last = self._seen(spoken)
        read, written = self._failed.get((attempt.provider, attempt.model, attempt.started), last)
        if attempt.outcome in AT_WORK:
            written = max(written, min(self.request.max_tokens or 0, int(attempt.seconds * UNSEEN)))
        prompt = counted.get("prompt_tokens") or read + self._pictured(target)
        answer = counted.get("completion_tokens", written)
        price = self._hub.price(attempt) if self._priced else None
        if price is None and self._priced:
            price = self._price(target, prompt, answer)
        return _Need(prompt + answer, price or Decimal(0))

    def _seen(self, spoken: int) -> tuple[int, int]:
        """Tokens that the attempt read and wrote that is being made, or was the last: on the high side."""
        return self._read, min(self._answer, (spoken - self._heard) // MIN_BYTES_PER_TOKEN)

    def _dearest(self) -> _Need:
        """What an attempt at any of the targets may use. Raises `InvalidRequest` for one of which nobody knows it."""
        if not self._counted:
            return _Need()
        targets = self._hub.order(self.request)
        if self._priced and not all("/" in target for target in targets):
            defaults = {state.name: state.default_model for state in self._hub.providers()}
            targets = tuple(name if "/" in name else f"{name}/{defaults.get(name, '')}" for name in targets)
        needs = [self._need(target, self._prompt) for target in targets]
        return _Need(max(need.tokens for need in needs), max(need.money for need in needs))

    def _need(self, target: str, prompt: int) -> _Need:
        """What an attempt at a target may use."""
        if not self._counted:
            return _Need()
        prompt += self._pictured(target)
        money = Decimal(0)
        if self._priced:
            price = self._price(target, prompt, self._answer)
            if (price is None or self._hub.has_fees(target)) and self._is_paid(target):
                raise InvalidRequest(
                    f"What {target} costs is not known, and the owner of this hub pays only up to a limit.",
                    hint="Choose another model. The owner can set its price: LLM_HUB_PRICES.",
                )
            money = price or money
        return _Need(prompt + self._answer, money)

    def _pictured(self, target: str) -> int:
        """Tokens of the images, at most."""
        return sum(most_tokens(image, target) for image in self._images)

    def _price(self, target: str, prompt: int, answer: int) -> Decimal | None:
        provider, _, model = target.partition("/")
        usage = Usage(prompt_tokens=prompt, completion_tokens=answer, cache_write_tokens=prompt)  # the dearest way
        return self._hub.price(Attempt(provider, model, 0.0, 0.0, None, "", usage=usage))

    def _is_paid(self, target: str) -> bool:
        """Whether a key of the owner's is used for it, as far as can be told."""
        alone = replace(self.request, model=target, fallback=())
        return self._hub.payer(self.request) != "visitor" and self._hub.payer(alone) is not None


def _charged(attempt: Attempt) -> bool:
    """Whether a provider takes money for an attempt that failed: what it refuses at once costs nothing."""
    return attempt.outcome in AT_WORK or attempt.first_token is not None


def _length(request: ChatRequest) -> int:
    """Tokens of a request's messages and tools, but for images: on the high side."""
    described = [f"{tool.name} {tool.description} {tool.parameters}" for tool in request.tools]
    if request.format is not None:
        described.append(str(request.format.schema))
    said = sum(TURN + _said(message) // MIN_BYTES_PER_TOKEN for message in request.messages)
    return said + (TOOLS + sum(map(size, described)) // MIN_BYTES_PER_TOKEN if described else 0)


def _said(message: Message) -> int:
    """Bytes of what a message says."""
    if isinstance(message.content, str):
        return size(message.content)
    said = 0
    for part in message.content:
        match part:
            case Text(text) | ToolResult(_, text):
                said += size(text)
            case ToolCall(_, name, text):
                said += size(name) + size(text)
            case Image():
                pass
    return said


def size(text: str) -> int:
    """Bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
