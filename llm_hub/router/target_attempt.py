"""One attempt: what a target's events add to the answer, how long each may take, and how the attempt ends."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.chat import (
    TOKENS,
    Alive,
    AttemptStarted,
    Done,
    FilesSent,
    ReasoningDelta,
    Resumed,
    TextDelta,
    ToolCallDelta,
    VendorDelta,
    Waiting,
)
from llm_hub.chat.tool_calls import tool_call_deltas
from llm_hub.errors import LLMHubError, NotConfigured, ProviderError, ServerFailed, StreamBroken, TimedOut
from llm_hub.router.continuation import check_form, continuation_request
from llm_hub.router.deadlines import MAX_DELAY, SourceCancelled, Wait
from llm_hub.router.routed_answer import AttemptTiming
from llm_hub.router.splice import Splice

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.chat import Event, LLMResponse
    from llm_hub.router.deadlines import Timeouts, Timers
    from llm_hub.router.routed_answer import RoutedAnswer
    from llm_hub.router.target import Target
    from llm_hub.router.target_health import Permit

log = logging.getLogger(__name__)


class TargetAttempt:
    """One request to one target. It ends with `complete` or `fail`, and with `close` whatever happens.

    `wait` is where the next event is waited for. `permit` is settled by the outcome, or released without one.
    """

    def __init__(
        self,
        answer: RoutedAnswer,
        target: Target,
        permit: Permit,
        *,
        pause: float,
        timeouts: Timeouts,
        timers: Timers,
    ) -> None:
        self.wait = Wait(timers)
        self.error: ProviderError | None = None
        self._answer = answer
        self.target = target
        self.permit = permit
        self._timeouts = timeouts
        self.timing = AttemptTiming(answer.clock(), pause)
        self._splice = Splice("".join(answer.text)) if answer.text else None
        self._text = answer.text
        self._texts_before = len(answer.text)
        self._has_token = False
        self._is_flowing = False
        """Whether a token came last, so that the next one is due soon."""
        self._is_alive = False
        """Whether something else came last, and the server has as long as it may think."""
        self._flows = False
        """Whether all further text is new, and goes to the reader as it comes."""
        self._is_untold = False
        """Whether the answer is complete, and those who keep a history do not know it yet."""
        self._limit = timeouts.first_token
        self._blank = ""
        """White space before the first word. It has not been read: it can be taken back."""

    def announcement(self) -> Event:
        """What the reader is told before the target is asked."""
        answer, name, model = self._answer, self.target.provider.name, self.target.model_id
        answer.asked_targets += 1
        if self._splice is not None:
            return Resumed(name, model, sum(map(len, answer.text)))
        answer.reasoning.clear()
        return AttemptStarted(name, model, answer.asked_targets)

    def ask(self) -> AsyncGenerator[Event]:
        """Asks the target, whose time counts from now."""
        answer, provider = self._answer, self.target.provider
        self.timing.began = answer.clock()
        request = answer.request
        if self._splice is not None:
            request = continuation_request(request, self._splice.prefix)
        model = self.target.model or None
        if request.model != model:
            request = request.of_model(model)
        events = provider.events(request)
        self._allow(getattr(self._timeouts, provider.first_silence(self.target.model_id)))
        return events

    def read(self, event: Event) -> Event | None:
        """Adds an event to the answer, save the last one, which is `complete`'s. What of it goes to the reader at once;
        None: nothing, or not yet. Calls of tools wait for the end, because nobody can go on with half of one.
        """
        if not self._is_flowing or isinstance(event, Alive):
            self._await_next(event)
        if isinstance(event, TextDelta):
            text = event.text
            if not isinstance(text, str):
                raise StreamBroken(f"{self.target.title} sent a piece of text that is none.")
            if not self._flows:
                opening = self._read_opening(text)
                if not opening:
                    return None
                return event if opening == text else replace(event, text=opening)
            if not text:
                return None
            self._text.append(text)
            return event
        if isinstance(event, ReasoningDelta):
            self._answer.reasoning.append(event.text)
        told = event.word if isinstance(event, Alive) else event
        if isinstance(told, VendorDelta) and self._splice is not None:
            told = None  # a part of an answer whose beginning another model wrote
        return None if isinstance(told, ToolCallDelta | FilesSent) else told

    def complete(self, last: LLMResponse) -> list[Event]:
        """Takes the attempt for an answer, and gives what the reader has yet to see of it. Its history is written when
        it is closed: nobody waits for that."""
        answer = self._answer
        events: list[Event] = []
        if self._splice is not None:
            if rest := self._splice.flush():
                answer.text.append(rest)
                events.append(TextDelta(rest))
            check_form(answer.request, last, "".join(answer.text))
        self.permit.settle(None)
        answer.record_attempt(self.target, self.timing, None, last.usage, within=last.attempts)
        answer.is_complete = self._is_untold = True
        return [*events, *tool_call_deltas(last.tool_calls), Done(answer.response(last))]

    def fail(self, error: Exception) -> ProviderError:
        """Takes the attempt for a failure. A provider may be anybody's: it may have raised whatever it likes."""
        target, failed = self.target, self._as_provider_error(error)
        failed.provider, failed.model = failed.provider or target.provider.name, failed.model or target.model_id
        self.permit.settle(failed)
        self._answer.errors.append(failed)
        self._answer.record_attempt(target, self.timing, failed, failed.usage, within=failed.attempts)
        self._answer.tell(target)
        if self.has_spoken:
            self._answer.broken_target = target
        return failed

    @property
    def has_spoken(self) -> bool:
        """Whether the reader has seen text of this attempt."""
        return len(self._answer.text) > self._texts_before

    def close(self) -> None:
        """Ends the attempt: one that was left before it had an outcome says nothing about its target."""
        if self._is_untold:
            self._is_untold = False
            self._answer.tell(self.target)
        self.wait.close()
        self.permit.release()

    def _await_next(self, event: Event) -> None:
        """Sets the time allowed for the next event by what this one shows: a token, or a server that is alive.

        A vendor's own piece is no first token: nobody reads a signature, or reasoning that is encrypted.
        """
        if isinstance(event, FilesSent):  # the hub's own word, and no sign of the server
            self.timing.files = event.files
            return
        is_vendors = isinstance(event, VendorDelta)
        is_held_back = isinstance(event, Alive) and event.is_progress
        is_token = is_held_back or isinstance(event, TOKENS)
        self._is_flowing = is_token or (is_vendors and self._has_token)
        if self._is_flowing:
            self._is_alive = False
            self._allow(self._timeouts.idle)
            if not self._has_token:
                self._has_token = True
                self._answer.mark_first_token(self.timing)
        elif isinstance(event, Waiting):
            self._allow(self._timeouts.loading)
        elif is_vendors or not self._is_alive:  # more signs of life give no more time: a server may send them for ever
            self._is_alive = True
            self._allow(self._timeouts.thinking, until=self._answer.clock() + self._timeouts.thinking)

    def _allow(self, seconds: float, *, until: float = math.inf) -> None:
        self._limit = seconds
        self.wait.limit(seconds, self._timed_out, deadline=min(until, self._answer.deadline))

    def _read_opening(self, text: str) -> str:
        """Adds text of which not everything may be new: where it is joined to another answer, or begins with space."""
        if self._splice is not None:
            text = self._splice.feed(text)
        if not self._text:
            self._blank += text
            text = "" if not text or text.isspace() else self._blank
        if not text:
            return ""
        self._flows = self._splice is None
        self._text.append(text)
        return text

    def _timed_out(self) -> TimedOut:
        title = self.target.title
        late = self._answer.clock() - self._answer.deadline
        if late >= 0:
            error = TimedOut(f"{title} took too long altogether.", hint="Ask for less, or choose a faster model.")
            if late > MAX_DELAY:  # the hub has slept meanwhile
                error.breaker = "ignores"
            return error
        what = "stopped in the middle of its answer" if self._has_token else "did not begin to answer"
        hint = "Try again, or choose another provider."
        return TimedOut(f"{title} {what} within {self._limit:g} seconds.", hint=hint)

    def _as_provider_error(self, error: Exception) -> ProviderError:
        title = self.target.title
        if isinstance(error, ProviderError):
            return error
        if isinstance(error, StopAsyncIteration):
            return StreamBroken(f"{title} ended its answer without saying that it was complete.")
        if isinstance(error, SourceCancelled):
            return StreamBroken(f"{title} gave up in the middle.")
        if isinstance(error, LLMHubError):
            return NotConfigured(error.message, hint=error.hint)
        log.error("%s raised %s", title, type(error).__name__, exc_info=error)
        return ServerFailed(f"{title} failed with an error of its own ({type(error).__name__}).")
