"""One answer as it grows along a route: the targets that are left, what was read so far, and every attempt at it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from llm_hub.chat import Attempt, LLMResponse, Timing
from llm_hub.errors import TargetPaused
from llm_hub.router.continuation import MAX_RESUMED_CHARS
from llm_hub.router.route_failure import summarize_failures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.chat import ChatRequest, Usage
    from llm_hub.errors import ProviderError
    from llm_hub.router.target import Target
    from llm_hub.router.target_health import Pause


@dataclass(slots=True)
class AttemptTiming:
    """What is noted of one attempt while it lasts: when it began, its first token and the wait before it, by the
    route's clock, and how the request's documents went to the target."""

    began: float
    wait: float = 0.0
    first_token: float | None = None
    files: tuple[str, ...] = ()


class RoutedAnswer:
    """One request on its way along a route. It begins now, and may take `total` seconds, by `clock`.

    `resume`: text that broke off may be gone on with. `record` is told of every attempt that is over.
    """

    def __init__(
        self,
        request: ChatRequest,
        targets: Sequence[Target],
        *,
        resume: bool,
        total: float,
        clock: Callable[[], float],
        record: Callable[[Target, Attempt], None] | None = None,
    ) -> None:
        self.request = request
        self.targets_left = [*targets]
        if request.model and request.model != targets[0].model:
            self.targets_left[0] = replace(targets[0], model=request.model)
        self.broken_target: Target | None = None
        """The target whose text broke off last."""
        self.is_at_broken_target = False
        """Whether nobody else is left, so that this target is asked to go on with its own text."""
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.attempts: list[Attempt] = []
        self.errors: list[ProviderError] = []
        """Why the attempts failed. A target that failed itself, and then was paused, has only its own errors here."""
        self.asked_targets = 0
        self.is_complete = False
        self.clock = clock
        self.began = clock()
        self.deadline = self.began + total
        self._resume = resume
        self._record = record
        self._first_token: float | None = None

    def next_target(self) -> Target | None:
        """The next target to ask; when none is left, the one whose text broke off, once more. None: nobody is left."""
        if self.targets_left:
            return self.targets_left.pop(0)
        if self.is_at_broken_target:
            return None
        self.is_at_broken_target = self.broken_target is not None
        return self.broken_target

    def may_turn_to_twin(self, target: Target, error: ProviderError) -> bool:
        """Whether the next target is the same one with another key, of which the error says nothing.

        Where the error is about the server, the targets that differ in their keys alone are left out.
        """
        if error.scope in ("provider", "model"):
            while self.targets_left and self._is_same_server(self.targets_left[0], target):
                self.targets_left.pop(0)
        return bool(self.targets_left) and self.targets_left[0].is_twin_of(target)

    @staticmethod
    def _is_same_server(target: Target, other: Target) -> bool:
        return target.is_twin_of(other) and target.provider.address == other.provider.address

    def may_go_on(self, error: ProviderError) -> bool:
        """Whether another attempt may follow one that ended with this error."""
        resumable = not self.text or (self._resume and sum(map(len, self.text)) <= MAX_RESUMED_CHARS)
        return error.falls_back and resumable

    def mark_first_token(self, timing: AttemptTiming) -> None:
        """The first text, reasoning or call of an attempt has come."""
        timing.first_token = self.clock()
        if self._first_token is None:
            self._first_token = timing.first_token

    def record_attempt(
        self,
        target: Target,
        timing: AttemptTiming,
        error: ProviderError | None,
        usage: Usage | None = None,
        *,
        within: tuple[Attempt, ...] = (),
    ) -> None:
        """Records an attempt that is over, with its error or as answered: `tell` has to follow.

        `within` are the attempts of a target that is a route itself: they stand in its place.
        """
        if within:
            later = timing.began - self.began
            self.attempts += (replace(attempt, started=attempt.started + later) for attempt in within)
        else:
            self.attempts.append(self._attempt(target, timing, error, usage))

    def tell(self, target: Target) -> None:
        """Tells whoever keeps a history of the attempt that was recorded last."""
        if self._record is not None:
            self._record(target, self.attempts[-1])

    def _attempt(
        self, target: Target, timing: AttemptTiming, error: ProviderError | None, usage: Usage | None
    ) -> Attempt:
        return Attempt(
            provider=target.provider.name,
            model=target.model_id,
            started=timing.began - self.began,
            seconds=self.clock() - timing.began,
            first_token=None if timing.first_token is None else timing.first_token - timing.began,
            outcome=error.kind if error else "answered",
            reason=error.message if error else "",
            wait=timing.wait,
            usage=usage,
            files=timing.files,
        )

    def record_paused(self, target: Target, pause: Pause) -> None:
        """Records a target that is not asked, because of what happened to others before."""
        when = ""
        if pause.probed:
            when = " Another request is finding out whether it is back."
        elif pause.seconds is not None:
            when = f" It is asked again in {math.ceil(pause.seconds)} s."
        error = TargetPaused(
            f"{target.title} is paused: {pause.reason}{when}",
            provider=target.provider.name,
            model=target.model_id,
            retry_after=pause.seconds,
        )
        has_failed = any((other.provider, other.model) == (error.provider, error.model) for other in self.errors)
        if not has_failed:
            self.errors.append(error)
        self.record_attempt(target, AttemptTiming(self.clock()), error)
        self.tell(target)

    def response(self, last: LLMResponse) -> LLMResponse:
        """The whole answer, and how it came about. `last` is what the target that completed it gave."""
        first_token = None if self._first_token is None else self._first_token - self.began
        is_joined = self.broken_target is not None  # two models wrote it
        attempts = [
            _with_prompt_of(last, attempt) if attempt.outcome == "overtaken" else attempt for attempt in self.attempts
        ]
        return LLMResponse(  # field by field: `replace` takes three times as long, and this is every answer
            content="".join(self.text) or last.content,
            model=last.model,
            usage=last.usage,
            finish_reason=last.finish_reason,
            provider=last.provider,
            reasoning="".join(self.reasoning) or last.reasoning,
            timing=Timing(first_token, self.clock() - self.began),
            attempts=tuple(attempts),
            ignored=last.ignored,
            notes=last.notes,
            tool_calls=last.tool_calls,
            stop_sequence=last.stop_sequence,
            original=None if is_joined else last.original,
            late_text=() if is_joined else last.late_text,
            files=self.attempts[-1].files or last.files,
        )

    def failure(self, final: ProviderError | None = None) -> ProviderError:
        """The one error that the caller sees: `final`, the only target's own, or one of the whole route."""
        if final is None and len({(error.provider, error.model) for error in self.errors}) > 1:
            final = summarize_failures(self.errors)
        final = final or self.errors[-1]
        final.attempts = tuple(self.attempts)
        return final


def _with_prompt_of(answer: LLMResponse, overtaken: Attempt) -> Attempt:
    """An attempt that was closed before its vendor counted anything, with what it read, as the answer's vendor counted
    that: about so much is charged for it."""
    prompt = (answer.usage or {}).get("prompt_tokens")
    return overtaken if prompt is None else replace(overtaken, usage={"prompt_tokens": prompt, "completion_tokens": 0})
