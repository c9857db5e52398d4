"""LLMRouter: asks one target after another until an answer is complete, and is itself a provider.

What follows a failure is a property of the error (`retryable`, `falls_back`, `breaker`), never decided by its type.
A target that fails before its first text is asked again, then the next one is asked afresh. One that fails after it is
not asked again while another is left: the next one goes on where the text broke off.

`events` does all the waiting. What the events mean stands beside it: `RoutedAnswer` is the answer so far,
`TargetAttempt` one request to one target, `Hedge` a second one while the first is slow to begin.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from llm_hub.chat import AttemptFailed, Done
from llm_hub.errors import ConfigurationError
from llm_hub.provider import LLMProvider
from llm_hub.router.deadlines import Timeouts
from llm_hub.router.hedge import Hedge, HedgedAnswer, SecondAttempt
from llm_hub.router.retry import Retry
from llm_hub.router.target import Target
from llm_hub.router.target_attempt import TargetAttempt
from llm_hub.router.target_health import Health

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    from llm_hub.chat import Attempt, ChatRequest, Event, ModelInfo
    from llm_hub.errors import ProviderError
    from llm_hub.router.deadlines import Timers
    from llm_hub.router.hedge import HedgePolicy
    from llm_hub.router.target_health import Permit


class LLMRouter(LLMProvider):
    """A route: `primary`, then each of `fallback` in order, every one with its own model.

    A request that names a model names the primary's. `health` is shared with other routes; `resume` False makes a
    broken stream an error instead of being continued elsewhere. `timers` is the event loop where it is None, `chance`
    gives numbers from 0 to 1, and `record` is told of every attempt that is over. `hedging` says when the second target
    is asked as well. Raises the error of the target, or `RouteFailed`.
    """

    name = "auto"
    title = "The route"

    def __init__(
        self,
        primary: LLMProvider | Target,
        fallback: LLMProvider | Target | Sequence[LLMProvider | Target] | None = None,
        max_retries: int = 2,
        *,
        timeouts: Timeouts | None = None,
        health: Health | None = None,
        resume: bool = True,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        timers: Timers | None = None,
        chance: Callable[[], float] = random.random,
        record: Callable[[Target, Attempt], None] | None = None,
        hedging: HedgePolicy | None = None,
    ) -> None:
        others = [] if fallback is None else [fallback] if isinstance(fallback, Target | LLMProvider) else fallback
        self.targets = tuple([_as_target(target) for target in (primary, *others)])
        self.default_model = self.targets[0].model_id
        self.supports = frozenset().union(*[target.provider.supports for target in self.targets])
        self.retry = Retry(max_retries)
        self.timeouts = timeouts or Timeouts()
        self.health = health or Health()
        self.resume = resume
        self.sleep = sleep
        self.timers = timers
        self.chance = chance
        self.record = record
        self.hedging = hedging

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        timers = self.timers or asyncio.get_running_loop()
        answer = HedgedAnswer(
            request, self.targets, resume=self.resume, total=self.timeouts.total, clock=timers.time, record=self.record
        )
        async with aclosing(answer):
            while target := answer.next_target():
                if answer.is_at_broken_target:  # what was read must not be lost, even if it has been paused since
                    self.health.reset(target.provider, target.model_id)
                retries, pause, last_resort = 0, 0.0, not answer.targets_left
                second = answer.take_second(target)
                while permit := second.permit if second else await self._admit(target, last_resort=last_resort):
                    attempt = second or TargetAttempt(
                        answer, target, permit, pause=pause, timeouts=self.timeouts, timers=timers
                    )
                    second, wait = None, attempt.wait
                    try:
                        yield attempt.announcement()
                        async with aclosing(attempt.ask()) as events:
                            self._hedge(answer, attempt, timers)
                            while True:
                                with wait:
                                    event = await anext(events)
                                if isinstance(event, Done):
                                    for remaining in attempt.complete(event.response):
                                        yield remaining
                                    return
                                if (shown := attempt.read(event)) is not None:
                                    yield shown
                    except Exception as error:  # noqa: BLE001  # a provider may be anybody's: the route goes on
                        if answer.is_complete:
                            return  # only what was to be closed after it has failed
                        failure = attempt.fail(error)
                    finally:
                        attempt.close()
                    retry_in = self._retry_wait(answer, attempt, failure, retries)
                    yield AttemptFailed(answer.attempts[-1], retry_in)
                    if not answer.may_go_on(failure):
                        raise answer.failure(failure)
                    await answer.decide()
                    if retry_in is None:
                        break
                    await self.sleep(retry_in)
                    retries, pause = retries + 1, retry_in
                else:
                    refusal = self.health.explain_refusal(target.provider, target.model_id, last_resort=last_resort)
                    answer.record_paused(target, refusal)
                    yield AttemptFailed(answer.attempts[-1])
            raise answer.failure()

    async def models(self) -> tuple[ModelInfo, ...]:
        """The models of the first target's provider: they are what a request may name."""
        return await self.targets[0].provider.models()

    async def aclose(self) -> None:
        for provider in {target.provider for target in self.targets}:
            await provider.aclose()

    async def _admit(self, target: Target, *, last_resort: bool) -> Permit | None:
        permit = self.health.admit(target.provider, target.model_id, last_resort=last_resort)
        if permit is None or not permit.is_probe or await self.health.confirm(permit):
            return permit
        if self.health.current_pause(target.provider, target.model_id) is not None:
            return None
        return self.health.admit(target.provider, target.model_id)  # it has come back meanwhile

    def _hedge(self, answer: HedgedAnswer, attempt: TargetAttempt, timers: Timers) -> None:
        """Has the next target asked as well if this attempt, the first one of its answer, is slow to begin."""
        hedging = self.hedging
        if hedging is None or not answer.may_be_hedged or attempt.permit.is_probe:
            return
        if (delay := hedging.delay(attempt.target)) is not None:
            answer.hedge = Hedge(attempt, delay, partial(self._second_attempt, hedging, answer, timers), timers)

    def _second_attempt(self, hedging: HedgePolicy, answer: HedgedAnswer, timers: Timers) -> SecondAttempt | None:
        """An attempt at the next target, if that is well and a further request may be made."""
        target = answer.targets_left[0]
        if self.health.current_pause(target.provider, target.model_id) is not None or not hedging.take():
            return None
        permit = self.health.admit(target.provider, target.model_id)
        if permit is None:
            return None
        return SecondAttempt(answer, target, permit, pause=0.0, timeouts=self.timeouts, timers=timers)

    def _retry_wait(
        self, answer: HedgedAnswer, attempt: TargetAttempt, error: ProviderError, retries: int
    ) -> float | None:
        """Seconds before the same target is asked again; None: it is not, or the answer's time is up before.

        A probe and a broken text are one attempt each; another key, or a target that has been asked already, needs no
        wait.
        """
        is_single = answer.may_turn_to_twin(attempt.target, error) or attempt.permit.is_probe or attempt.has_spoken
        if is_single or answer.has_second:
            return None
        wait = self.retry.wait(error, retries, self.chance())
        return wait if wait is not None and answer.clock() + wait < answer.deadline else None


def _as_target(target: LLMProvider | Target) -> Target:
    if isinstance(target, Target):
        return target
    if not isinstance(target, LLMProvider):
        raise ConfigurationError("A route is made of providers and Targets.", hint='Target(provider, "a-model")')
    return Target(target)
