"""LLMRouter: asks one target after another until an answer is complete, and is itself a provider.

What happens on each failure is asked of the error (`retryable`, `falls_back`, `breaker`), never decided by its type.
A target that fails before its first text is retried, then the next one is asked afresh. One that fails after it is
not asked again while another is left: the next one goes on where the text broke off.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llm_hub.chat import (
    Attempt,
    AttemptFailed,
    AttemptStarted,
    Done,
    ReasoningDelta,
    Resumed,
    TextDelta,
    Timing,
    ToolCallDelta,
)
from llm_hub.errors import (
    ConfigurationError,
    LLMHubError,
    NotConfigured,
    ProviderError,
    RouteFailed,
    ServerFailed,
    StreamBroken,
    TargetPaused,
)
from llm_hub.provider import LLMProvider
from llm_hub.response_builder import tool_call_deltas
from llm_hub.router.circuit_breaker import Health
from llm_hub.router.continuation import MAX_RESUMED_CHARS, check_form, continuation_request
from llm_hub.router.deadlines import Clocks, watched
from llm_hub.router.retry import Retry
from llm_hub.router.splice import Splice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from llm_hub.chat import ChatRequest, Event, LLMResponse, ModelInfo, Usage
    from llm_hub.router.circuit_breaker import Permit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider and the model that is asked there; "" is the provider's default model."""

    provider: LLMProvider
    model: str = ""

    @property
    def asked(self) -> str:
        """The model that is asked."""
        return self.model or self.provider.default_model

    def __str__(self) -> str:
        return f"{self.provider.name}/{self.asked}"


class LLMRouter(LLMProvider):
    """A route: `primary`, then each of `fallback` in order, every one with its own model.

    A request that names a model names the primary's. `health` is shared with other routes; `resume` False makes a
    broken stream an error instead of being continued elsewhere. Raises the error of the target, or `RouteFailed`.
    """

    name = "auto"
    title = "The route"

    def __init__(
        self,
        primary: LLMProvider | Target,
        fallback: LLMProvider | Target | Sequence[LLMProvider | Target] | None = None,
        max_retries: int = 2,
        *,
        clocks: Clocks | None = None,
        health: Health | None = None,
        resume: bool = True,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
        record: Callable[[Attempt], None] | None = None,
    ) -> None:
        others = [] if fallback is None else [fallback] if isinstance(fallback, LLMProvider | Target) else fallback
        if not all(isinstance(one, LLMProvider | Target) for one in (primary, *others)):
            raise ConfigurationError("A route is made of providers and Targets.", hint='Target(provider, "a-model")')
        self.targets = tuple(one if isinstance(one, Target) else Target(one) for one in (primary, *others))
        self.default_model = self.targets[0].asked
        self.supports = frozenset().union(*(target.provider.supports for target in self.targets))
        self.retry = Retry(max_retries)
        self.clocks = clocks or Clocks()
        self.health = health or Health()
        self.resume = resume
        self.sleep = sleep
        self.chance = chance
        self.record = record

    def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        return _Route(self, request).events()

    def record_attempt(self, attempt: Attempt) -> None:
        """Hands an attempt that is over to whoever keeps the history of attempts."""
        if self.record is not None:
            self.record(attempt)

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models of the first target's provider: they are what a request may name."""
        return await self.targets[0].provider.models()

    async def aclose(self) -> None:
        for provider in {target.provider for target in self.targets}:
            await provider.aclose()


@dataclass(slots=True)
class AttemptTiming:
    """The times of one attempt, by the loop's clock: when it began, its first token, and the wait before it."""

    began: float
    wait: float
    first: float | None = None


class _Route:
    """One request on its way along a route."""

    def __init__(self, router: LLMRouter, request: ChatRequest) -> None:
        self._router = router
        self._request = request
        first = router.targets[0]
        self._left = [replace(first, model=request.model) if request.model else first, *router.targets[1:]]
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self._deadline = self._began + router.clocks.total
        self._attempts: list[Attempt] = []
        self._errors: list[ProviderError] = []
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._first: float | None = None
        self._asked = 0
        self._broken: Target | None = None
        """The target whose text broke off last."""
        self._asked_again = False
        self._answered = False

    async def events(self) -> AsyncGenerator[Event]:
        while target := self._next():
            retries, wait = 0, 0.0
            last = not self._left
            while permit := self._router.health.admit(target.provider, target.asked, last_resort=last):
                heard = len(self._text)
                async with aclosing(self._attempt(target, permit, wait)) as events:
                    async for event in events:
                        yield event
                if self._answered:
                    return
                error, spoke = self._errors[-1], len(self._text) > heard
                again = self._wait(error, retries, final=permit.probe or spoke)
                yield AttemptFailed(self._attempts[-1], again)
                if not error.falls_back or (self._text and not self._resumes()):
                    raise self._failure(error)
                if spoke:
                    self._broken = target
                if again is None:
                    break
                await self._router.sleep(again)
                retries, wait = retries + 1, again
            else:
                yield AttemptFailed(self._record_paused(target, last_resort=last))
        raise self._failure(None)

    def _resumes(self) -> bool:
        """Whether what has been read can be gone on with."""
        return self._router.resume and sum(map(len, self._text)) <= MAX_RESUMED_CHARS

    def _next(self) -> Target | None:
        """The next target to ask; when none is left, the one whose text broke off, once more."""
        if self._left:
            return self._left.pop(0)
        if self._asked_again or self._broken is None:
            return None
        self._asked_again = True
        self._router.health.reset(self._broken.provider, self._broken.asked)  # what has been read must not be lost
        return self._broken

    def _wait(self, error: ProviderError, retries: int, *, final: bool) -> float | None:
        """Seconds before the same target is asked again, or None. A probe and a broken text are one attempt each."""
        if final:
            return None
        wait = self._router.retry.wait(error, retries, self._router.chance())
        return wait if wait is not None and self._clock() + wait < self._deadline else None

    async def _attempt(self, target: Target, permit: Permit, wait: float) -> AsyncGenerator[Event]:
        """Asks a target once. Ends with `Done`, or with one more error on the list."""
        provider, model, router = target.provider, target.asked, self._router
        self._asked += 1
        splice = Splice("".join(self._text)) if self._text else None
        limit = router.clocks.reasoning if provider.reasons(model) else router.clocks.first_token
        who = provider.title or provider.name
        timing, blank = AttemptTiming(self._clock(), wait), ""
        try:
            if splice is None:
                self._reasoning.clear()
                yield AttemptStarted(provider.name, model, self._asked)
            else:
                yield Resumed(provider.name, model, len("".join(self._text)))
            timing.began = self._clock()
            request = self._request if splice is None else continuation_request(self._request, splice.shown)
            asked = provider.events(replace(request, model=model or None))
            stream = watched(asked, router.clocks, first_token=limit, deadline=self._deadline, who=who)
            async with aclosing(stream) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        if timing.first is None:
                            self._mark_first_token(timing)
                        text = event.text if splice is None else splice.feed(event.text)
                        if not self._text:  # white space alone has not been read: it can be taken back
                            blank += text
                            text = "" if not text or text.isspace() else blank
                        if text:
                            self._text.append(text)
                            yield event if text == event.text else TextDelta(text)
                    elif isinstance(event, Done):
                        for last in self._end(event.response, splice, target, permit, timing):
                            yield last
                        return
                    elif self._passes(event, timing):
                        yield event
            failed: ProviderError = StreamBroken(f"{who} ended its answer without saying that it was complete.")
        except Exception as error:  # noqa: BLE001  # a provider may be anybody's: whatever it raises, the route goes on
            failed = _as_ours(error, who)
        finally:
            permit.release()
        failed.provider, failed.model = failed.provider or provider.name, failed.model or model
        permit.settle(failed)
        self._errors.append(failed)
        self._record_attempt(target, timing, failed, None, within=failed.attempts)

    def _mark_first_token(self, timing: AttemptTiming) -> None:
        timing.first = self._clock()
        if self._first is None:
            self._first = timing.first

    def _passes(self, event: Event, timing: AttemptTiming) -> bool:
        """Whether an event goes to the reader at once. Calls wait for the end: nobody can go on with half of one."""
        if isinstance(event, ReasoningDelta | ToolCallDelta) and timing.first is None:
            self._mark_first_token(timing)
        if isinstance(event, ReasoningDelta):
            self._reasoning.append(event.text)
        return not isinstance(event, ToolCallDelta)

    def _end(
        self, last: LLMResponse, splice: Splice | None, target: Target, permit: Permit, timing: AttemptTiming
    ) -> list[Event]:
        """Takes the attempt for an answer, and gives what the reader has yet to see of it."""
        events: list[Event] = []
        if splice is not None:
            if rest := splice.flush():
                self._text.append(rest)
                events.append(TextDelta(rest))
            check_form(self._request, last, "".join(self._text))
        permit.settle(None)
        self._record_attempt(target, timing, None, last.usage, within=last.attempts)
        self._answered = True
        return [*events, *tool_call_deltas(last.tool_calls), Done(self._response(last))]

    def _response(self, last: LLMResponse) -> LLMResponse:
        """The whole answer, and how it came about."""
        first = None if self._first is None else self._first - self._began
        return replace(
            last,
            content="".join(self._text) or last.content,
            reasoning="".join(self._reasoning) or last.reasoning,
            timing=Timing(first, self._clock() - self._began),
            attempts=tuple(self._attempts),
        )

    def _record_attempt(
        self,
        target: Target,
        timing: AttemptTiming,
        error: ProviderError | None,
        usage: Usage | None,
        *,
        within: tuple[Attempt, ...] = (),
    ) -> None:
        """Records an attempt; `within` are those of a target that is a route itself, and stand in its place."""
        if within:
            later = timing.began - self._began
            self._attempts += (replace(one, started=one.started + later) for one in within)
            self._router.record_attempt(self._attempts[-1])
            return
        attempt = Attempt(
            provider=target.provider.name,
            model=target.asked,
            started=timing.began - self._began,
            seconds=self._clock() - timing.began,
            first_token=None if timing.first is None else timing.first - timing.began,
            outcome=error.kind if error else "answered",
            reason=error.message if error else "",
            wait=timing.wait,
            usage=usage,
        )
        self._attempts.append(attempt)
        self._router.record_attempt(attempt)

    def _record_paused(self, target: Target, *, last_resort: bool) -> Attempt:
        """Records a target that is not asked, because of what happened to others before."""
        paused = self._router.health.refusal(target.provider, target.asked, last_resort=last_resort)
        who, when = target.provider.title or target.provider.name, ""
        if paused.probed:
            when = " Another request is finding out whether it is back."
        elif paused.seconds is not None:
            when = f" It is asked again in {math.ceil(paused.seconds)} s."
        error = TargetPaused(
            f"{who} is paused: {paused.reason}{when}",
            provider=target.provider.name,
            model=target.asked,
            retry_after=paused.seconds,
        )
        if not any((one.provider, one.model) == (error.provider, error.model) for one in self._errors):
            self._errors.append(error)
        self._record_attempt(target, AttemptTiming(self._clock(), 0.0), error, None)
        return self._attempts[-1]

    def _failure(self, final: ProviderError | None) -> ProviderError:
        """The one error that the caller sees: the last target's own where it is the only one, else of the route."""
        if final is None and len({(error.provider, error.model) for error in self._errors}) > 1:
            final = RouteFailed.of(self._errors)
        final = final or self._errors[-1]
        final.attempts = tuple(self._attempts)
        return final


def _as_ours(error: Exception, who: str) -> ProviderError:
    if isinstance(error, ProviderError):
        return error
    if isinstance(error, LLMHubError):
        return NotConfigured(error.message, hint=error.hint)
    log.error("%s raised %s", who, type(error).__name__, exc_info=error)
    return ServerFailed(f"{who} failed with an error of its own ({type(error).__name__}).")
