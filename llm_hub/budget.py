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
from llm_hub.limits import LimitReached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.chat import ChatRequest, Message
    from llm_hub.hub import Hub
    from llm_hub.limits import Limits, Reservation

BYTES_A_TOKEN = 4
"""English text, roughly, and no less of other scripts': for what no provider has counted."""
FEWEST_BYTES = 2
"""Of a token in most texts: what is reserved is on the high side."""
ANSWER = 1000
"""Tokens that are reserved for an answer whose length the request does not limit."""
IMAGE = 1600
"""Tokens of an image: as many as Anthropic counts at most."""
WISH = 100
"""Tokens of the wish to go on with an answer that broke off."""
UNSEEN = 100
"""Tokens a second that a model may have reasoned, for all that is known, where it was left before it was done."""
AT_WORK = frozenset({"cancelled", "timed_out", "stream_broken", "empty_answer", "form_broken"})
"""Outcomes of attempts that a provider was at work on: it takes money for them, and seldom says how much."""


class _Need(NamedTuple):
    """Tokens, and US dollars."""

    tokens: int = 0
    money: Decimal = Decimal(0)

    def plus(self, other: _Need) -> _Need:
        return _Need(self.tokens + other.tokens, self.money + other.money)


class Budget:
    """What one request may use of `limits`, each with whom it counts for."""

    def __init__(self, hub: Hub, request: ChatRequest, limits: Sequence[tuple[Limits, str]]) -> None:
        self._hub = hub
        self._request = request
        self._limits = limits
        self._priced = any(limit.money for limit, _ in limits)
        self._prompt = _length(request, FEWEST_BYTES)
        self._reservations: list[Reservation] = []
        self._reserved = _Need()
        self._spent = _Need()
        """What the attempts may have used that are over."""
        self._next = _Need()
        """What the attempt may use that is being made."""
        self._heard = 0
        self._spoken: dict[tuple[str, str, float], int] = {}
        """Bytes of text that came from attempts that failed."""

    @classmethod
    async def reserved(cls, hub: Hub, request: ChatRequest, limits: Sequence[tuple[Limits, str]]) -> Self:
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
                self._spoken[attempt.provider, attempt.model, attempt.started] = spoken - self._heard
            return
        self._heard = spoken
        prompt = self._prompt + (spoken // FEWEST_BYTES + WISH if isinstance(event, Resumed) else 0)
        self._next = self._need(f"{event.provider}/{event.model}", prompt)
        need = self._spent.plus(self._next)
        more = _Need(max(0, need.tokens - self._reserved.tokens), max(Decimal(0), need.money - self._reserved.money))
        if more != _Need():
            try:
                for reservation in self._reservations:
                    await reservation.extend(tokens=more.tokens, money=more.money)
            except LimitReached as error:
                said = f"No further attempt was made. {error.message}"
                raise LimitReached(said, retry_after=error.retry_after) from None
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
                used = used.plus(self._bill(attempt, spoken - self._heard))
        for reservation in self._reservations:
            await reservation.settle(tokens=used.tokens, money=used.money)

    def _bill(self, attempt: Attempt, spoken: int) -> _Need:
        """What an attempt used. `spoken` are the bytes of the last one's text."""
        heard = self._spoken.get((attempt.provider, attempt.model, attempt.started), spoken) // BYTES_A_TOKEN
        if attempt.outcome in AT_WORK:
            heard = max(heard, min(self._request.max_tokens or ANSWER, int(attempt.seconds * UNSEEN)))
        heard = min(heard, self._request.max_tokens or heard)
        counted = attempt.usage or Usage()
        prompt = counted.get("prompt_tokens") or _length(self._request, BYTES_A_TOKEN)
        answer = counted.get("completion_tokens", heard)
        price = self._hub.price(attempt) if self._priced else None
        if price is None and self._priced:
            price = self._price(f"{attempt.provider}/{attempt.model}", prompt, answer)
        return _Need(prompt + answer, price or Decimal(0))

    def _dearest(self) -> _Need:
        """What an attempt at the dearest target may use. Raises `InvalidRequest` for one of which nobody knows it."""
        targets = self._hub.order(self._request) if self._priced else ()
        if not all("/" in target for target in targets):
            defaults = {state.name: state.default_model for state in self._hub.providers()}
            targets = tuple(name if "/" in name else f"{name}/{defaults.get(name, '')}" for name in targets)
        needs = [self._need(target, self._prompt) for target in targets]
        return max(needs, default=self._need("", self._prompt), key=lambda need: need.money)

    def _need(self, target: str, prompt: int) -> _Need:
        """What an attempt at a target may use."""
        answer = self._request.max_tokens or ANSWER
        money = Decimal(0)
        if self._priced and target:
            price = self._price(target, prompt, answer)
            unknown = price is None or self._hub.has_fees(target)
            if unknown and any(limit.refuses_unpriced for limit, _ in self._limits) and self._is_paid(target):
                raise InvalidRequest(
                    f"What {target} costs is not known, and the owner of this hub pays only up to a limit.",
                    hint="Choose another model. The owner can set its price: LLM_HUB_PRICES.",
                )
            money = price or money
        return _Need(prompt + answer, money)

    def _price(self, target: str, prompt: int, answer: int) -> Decimal | None:
        provider, _, model = target.partition("/")
        usage = Usage(prompt_tokens=prompt, completion_tokens=answer)
        return self._hub.price(Attempt(provider, model, 0.0, 0.0, None, "", usage=usage))

    def _is_paid(self, target: str) -> bool:
        """Whether a key of the owner's is used for it, as far as can be told."""
        alone = replace(self._request, model=target, fallback=())
        return self._hub.payer(self._request) != "visitor" and self._hub.payer(alone) is not None


def _charged(attempt: Attempt) -> bool:
    """Whether a provider takes money for an attempt that failed: what it refuses at once costs nothing."""
    return attempt.outcome in AT_WORK or attempt.first_token is not None


def _length(request: ChatRequest, bytes_a_token: int) -> int:
    """Tokens of a request's messages and tools, roughly."""
    described = [f"{tool.name} {tool.description} {tool.parameters}" for tool in request.tools]
    if request.format is not None:
        described.append(str(request.format.schema))
    said = sum(_tokens(message, bytes_a_token) for message in request.messages)
    return said + sum(size(text) for text in described) // bytes_a_token


def _tokens(message: Message, bytes_a_token: int) -> int:
    if isinstance(message.content, str):
        return 1 + size(message.content) // bytes_a_token
    tokens = 1
    for part in message.content:
        match part:
            case Text(text) | ToolResult(_, text):
                tokens += size(text) // bytes_a_token
            case ToolCall(arguments=text):
                tokens += size(text) // bytes_a_token
            case Image():
                tokens += IMAGE
    return tokens


def size(text: str) -> int:
    """Bytes of a text."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
