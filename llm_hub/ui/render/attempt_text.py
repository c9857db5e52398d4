"""The attempts behind an answer, in plain words: live while they happen, and as a list afterwards.

The words never say that the first choice answers when another model does.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from llm_hub.chat import Attempt, AttemptFailed, AttemptStarted, Resumed, reports_price
from llm_hub.errors import ProviderError
from llm_hub.ui.render.formats import format_cost, format_count, format_seconds, format_spent, format_target
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import answers_texts as texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.conversations.turn import Turn

Target = tuple[str, str]
"""A provider's name and a model."""


def list_attempts(turn: Turn) -> tuple[Attempt, ...]:
    """Every attempt in order. Of an answer that was stopped, the last attempt is the one that was stopped."""
    answer = turn.answer
    if answer.response is not None:
        return answer.response.attempts
    if isinstance(answer.error, ProviderError) and answer.error.attempts:
        return answer.error.attempts
    failed = tuple(event.attempt for event in answer.route if isinstance(event, AttemptFailed))
    if not failed or isinstance(answer.route[-1], AttemptFailed):
        return failed
    provider, model = _latest_target(turn)
    started = failed[-1].started + failed[-1].seconds
    return (*failed, Attempt(provider, model, started, max(0.0, answer.elapsed - started), None, turn.outcome))


def answering_target(turn: Turn) -> Target:
    """The target that answers, or the one that was asked last."""
    response = turn.answer.response
    return (response.provider, response.model) if response is not None else _latest_target(turn)


def describe_progress(turn: Turn, titles: Mapping[str, str]) -> tuple[str, str]:
    """What went wrong, "" if nothing did, and what happens now, for an answer that is on its way."""
    answer, route = turn.answer, turn.answer.route
    title = format_target(*answering_target(turn), titles)
    failed = next((event for event in reversed(route) if isinstance(event, AttemptFailed)), None)
    if failed is None:
        doing = "answering" if answer.text else "thinking"
        return "", texts.WAITING.format(title=title) if answer.first_token is None else f"{title} is {doing}"
    problem = explain_failure(failed.attempt, titles)
    last = route[-1]
    if last is failed:
        if failed.retry_in is None:
            return problem, texts.LOOKING
        left = failed.attempt.started + failed.attempt.seconds + failed.retry_in - answer.elapsed
        return problem, f"Asking again in {format_seconds(max(left, 0.1))}{_attempt_number(turn)}"
    again = _is_of(failed.attempt, answering_target(turn))
    if isinstance(last, Resumed) and last.characters < len(answer.text):
        return "", _took_over(turn, titles)
    if isinstance(last, AttemptStarted) and (answer.text or answer.reasoning):
        doing = "answering" if answer.text else "thinking"
        place = _attempt_number(turn) if again else f" in place of {_first_choice(turn, titles)}"
        return "", f"{title} is {doing}{place}"
    return problem, f"Asking again{_attempt_number(turn)}" if again else texts.ASKING.format(title=title)


def summarize_attempts(turn: Turn, titles: Mapping[str, str]) -> list[str]:
    """What the line under a finished answer says of its attempts: nothing if the first choice simply answered.

    A first choice that was not asked is not said to have been replaced on the way: nobody "took over" from it.
    """
    all_attempts = list_attempts(turn)
    if turn.outcome == "failed":
        return []
    went_on = [_took_over(turn, titles)] if _breaks(turn) else []
    first = min(all_attempts, key=lambda attempt: attempt.started, default=None)
    if first is None or _is_of(first, answering_target(turn)):
        return went_on
    first_choice = _first_choice(turn, titles)
    if first.was_sent:
        return [f"took over from {first_choice}{_after(turn)}"]
    return [f"in place of {first_choice}, which was not asked", *went_on]


def render_attempts(turn: Turn, titles: Mapping[str, str]) -> str:
    """A list of every attempt that a reader can open, as HTML without a blank line.

    It is "" for an answer that came at the first attempt.
    """
    all_attempts = list_attempts(turn)
    if len(all_attempts) < 2 and (turn.outcome != "failed" or not all_attempts):
        return ""
    sent = sum(attempt.was_sent for attempt in all_attempts)
    unsent = len(all_attempts) - sent
    counts = [format_count(sent, "attempt")] if sent else []
    if unsent:
        counts.append(f"{unsent} not asked")
    prices = turn.prices if len(turn.prices) == len(all_attempts) else (None,) * len(all_attempts)
    pairs = sorted(zip(all_attempts, prices, strict=True), key=lambda pair: pair[0].started)  # two may run at once
    rows = "".join(_row(attempt, cost, titles) for attempt, cost in pairs)
    return f'<details class="attempts"><summary>{", ".join(counts)}</summary><ol>{rows}</ol></details>'


def resume_notes(turn: Turn, titles: Mapping[str, str]) -> dict[int, str]:
    """By place in the text, in characters: a sentence about one target that broke off there and one that went on."""
    notes = {}
    for place, (broken, resuming) in _breaks(turn).items():
        broken_title, resuming_title = _distinct_titles(broken, resuming, titles)
        notes[place] = f"{broken_title} broke off here; {'it' if broken == resuming else resuming_title} goes on"
    return notes


def explain_failure(attempt: Attempt, titles: Mapping[str, str]) -> str:
    """Why an attempt did not bring the answer, as a sentence."""
    if attempt.reason:
        return f"{attempt.reason.rstrip('. ')}."
    return f"{format_target(attempt.provider, attempt.model, titles)}: {attempt.outcome.replace('_', ' ')}."


def list_facts(attempt: Attempt, cost: Decimal | None) -> list[str]:
    """When an attempt began, how long it took, and what it cost. Of one that was not sent, only the first."""
    when = f"at +{format_seconds(attempt.started)}" if attempt.started >= 0.005 else texts.AT_THE_START
    if not attempt.was_sent:
        return [when]
    waited = texts.AFTER_A_WAIT.format(wait=format_seconds(attempt.wait)) if attempt.wait else ""
    first = [] if attempt.first_token is None else [texts.LATENCY.format(seconds=format_seconds(attempt.first_token))]
    return [f"{when}{waited}", f"took {format_seconds(attempt.seconds)}", *first, *format_tokens(attempt),
        describe_cost(attempt, cost), *attempt.files]  # fmt: skip


def format_tokens(attempt: Attempt) -> list[str]:
    """The tokens that an attempt's provider counted, if it did."""
    usage = attempt.usage or {}
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    counts = [f"{count:,} {direction}" for count, direction in ((read, "in"), (written, "out")) if count is not None]
    return [f"{' / '.join(counts)} tokens"] if counts else []


def describe_price(turn: Turn) -> str:
    """The price of a complete answer with that of the other attempts at it, "at least" that much where the price of
    another model's part is unknown."""
    response = turn.answer.response
    if response is None or turn.price is None:
        return format_cost(None, None)
    total, reported, is_least = turn.price, turn.price if reports_price(response.usage) else Decimal(0), False
    for attempt, cost in zip(list_attempts(turn)[:-1], turn.prices, strict=False):
        total += cost or 0
        reported += cost if cost and reports_price(attempt.usage) else 0
        is_least = is_least or (attempt.first_token is not None and cost is None)
    return f"{'at least ' if is_least and total else ''}{format_spent(total, reported)}"


def describe_cost(attempt: Attempt, cost: Decimal | None) -> str:
    """An attempt's price. No provider reports that of a failure, and none charges for a request that it refuses."""
    if cost is None and attempt.first_token is None and attempt.has_failed and attempt.outcome != "timed_out":
        return texts.NO_CHARGE
    return format_cost(cost, attempt.usage)


def _row(attempt: Attempt, cost: Decimal | None, titles: Mapping[str, str]) -> str:
    if attempt.outcome in ("answered", "stopped"):
        css_class, outcome = attempt.outcome, attempt.outcome
    else:
        css_class, outcome = "failed" if attempt.has_failed else "not-asked", explain_failure(attempt, titles)
    details = " · ".join(html_text(fact) for fact in list_facts(attempt, cost))
    title = html_text(format_target(attempt.provider, attempt.model, titles))
    return f'<li class="{css_class}"><b>{title}</b> {html_text(outcome)} <span class="when">{details}</span></li>'


def _latest_target(turn: Turn) -> Target:
    started = (event for event in reversed(turn.answer.route) if isinstance(event, AttemptStarted | Resumed))
    return next(((event.provider, event.model) for event in started), (turn.question.provider, turn.question.model))


def _is_of(attempt: Attempt, target: Target) -> bool:
    """Whether the attempt asked this target."""
    return (attempt.provider, attempt.model) == target


def _attempt_number(turn: Turn) -> str:
    """Which attempt at the same target is on its way, if that is known: ", 2 of 3"."""
    failed = [event for event in turn.answer.route if isinstance(event, AttemptFailed)]
    runs = [list(run) for _, run in groupby(failed, lambda event: (event.attempt.provider, event.attempt.model))]
    most = 2 if runs[-1][-1].attempt.outcome == "empty_answer" else turn.question.tries
    return f", {len(runs[-1]) + 1} of {most}" if most > len(runs[-1]) else ""


def _breaks(turn: Turn) -> dict[int, tuple[Target, Target]]:
    """By place in the text: the target that broke off, and the one that went on. One that added no text is left out."""
    breaks: dict[int, tuple[Target, Target]] = {}
    writer = current = (turn.question.provider, turn.question.model)
    end = 0
    for event in turn.answer.route:
        if isinstance(event, AttemptFailed):
            continue
        if isinstance(event, Resumed) and event.characters > end:
            writer, end = current, event.characters
        current = (event.provider, event.model)
        if isinstance(event, Resumed):
            breaks[end] = (writer, current)
    return {place: targets for place, targets in breaks.items() if place < len(turn.answer.text)}


def _distinct_titles(first: Target, second: Target, titles: Mapping[str, str]) -> tuple[str, str]:
    """The shortest titles that tell two targets apart: the providers', or with the models where that is the same."""
    if first[0] != second[0]:
        return titles.get(first[0], first[0]), titles.get(second[0], second[0])
    return format_target(*first, titles), format_target(*second, titles)


def _first_choice(turn: Turn, titles: Mapping[str, str]) -> str:
    """The title of the target that was asked first, for a sentence about another one.

    It need not be the first in the list: of two that were asked at once, the one that ended first is.
    """
    first = min(list_attempts(turn), key=lambda attempt: attempt.started)
    return _distinct_titles((first.provider, first.model), answering_target(turn), titles)[0]


def _took_over(turn: Turn, titles: Mapping[str, str]) -> str:
    broken, resuming = list(_breaks(turn).values())[-1]
    title = _distinct_titles(broken, resuming, titles)[1]
    return f"{title} {texts.WENT_ON if broken == resuming else texts.TOOK_OVER}{_after(turn)}"


def _after(turn: Turn) -> str:
    """After how many words an answer broke off: " after 4 words", or "" if it did not."""
    places = list(_breaks(turn))
    return f" after {format_count(len(turn.answer.text[: places[-1]].split()), 'word')}" if places else ""
