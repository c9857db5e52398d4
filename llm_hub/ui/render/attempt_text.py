"""What happened on the way to an answer, in plain words: while it happens, and every attempt afterwards.

It never says that the first choice answers when another one does.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from llm_hub.chat import Attempt, AttemptFailed, AttemptStarted, Resumed
from llm_hub.errors import ProviderError
from llm_hub.ui.render.formats import counted, name, price, seconds
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from llm_hub.ui.chat.conversation import Turn

Target = tuple[str, str]
"""A provider's name and a model."""

NOT_ASKED = "paused"
"""The outcome of an attempt that was not made."""


def attempts(turn: Turn) -> tuple[Attempt, ...]:
    """Every attempt, also of an answer that was stopped: its last one is then the one that was stopped."""
    answer = turn.answer
    if answer.response is not None:
        return answer.response.attempts
    if isinstance(answer.error, ProviderError) and answer.error.attempts:
        return answer.error.attempts
    made = tuple(event.attempt for event in answer.route if isinstance(event, AttemptFailed))
    if not made or isinstance(answer.route[-1], AttemptFailed):
        return made
    provider, model = _asked(turn)
    started = made[-1].started + made[-1].seconds
    return (*made, Attempt(provider, model, started, max(0.0, answer.elapsed - started), None, turn.outcome))


def answering(turn: Turn) -> Target:
    """Who answers, or was asked last."""
    response = turn.answer.response
    return (response.provider, response.model) if response is not None else _asked(turn)


def progress(turn: Turn, titles: Mapping[str, str]) -> tuple[str, str]:
    """While an answer is on its way: what went wrong, "" while nothing has, and what happens now."""
    answer, route = turn.answer, turn.answer.route
    who = name(*answering(turn), titles)
    failed = next((event for event in reversed(route) if isinstance(event, AttemptFailed)), None)
    if failed is None:
        doing = "answering" if answer.text else "thinking"
        return "", f"Waiting for {who}" if answer.first_token is None else f"{who} is {doing}"
    why = reason(failed.attempt, titles)
    last = route[-1]
    if last is failed:
        if failed.retry_in is None:
            return why, "Looking for another model"
        left = failed.attempt.started + failed.attempt.seconds + failed.retry_in - answer.elapsed
        return why, f"Asking again in {seconds(max(left, 0.1))}{_which(turn)}"
    again = _same(failed.attempt, answering(turn))
    if isinstance(last, Resumed) and last.characters < len(answer.text):
        return "", _took_over(turn, titles)
    if isinstance(last, AttemptStarted) and (answer.text or answer.reasoning):
        doing = "answering" if answer.text else "thinking"
        return "", f"{who} is {doing}{_which(turn) if again else f' in place of {_first(turn, titles)}'}"
    return why, f"Asking again{_which(turn)}" if again else f"Asking {who}"


def summary(turn: Turn, titles: Mapping[str, str]) -> list[str]:
    """What a finished answer's line says of its way, beside its attempts: nothing where all went well."""
    made = attempts(turn)
    if not made or turn.outcome == "failed" or _same(made[0], answering(turn)):
        return [_took_over(turn, titles)] if _seams(turn) and turn.outcome != "failed" else []
    return [f"took over from {_first(turn, titles)}{_after(turn)}"]


def opened(turn: Turn, titles: Mapping[str, str]) -> str:
    """Every attempt, to be opened: HTML without a blank line, "" for an answer that came at the first."""
    made = attempts(turn)
    if len(made) < 2 and (turn.outcome != "failed" or not made):
        return ""
    asked = sum(attempt.outcome != NOT_ASKED for attempt in made)
    paused = len(made) - asked
    title = ", ".join(
        [*([counted(asked, "attempt")] if asked or not paused else []), *([f"{paused} not asked"] if paused else [])]
    )
    prices = turn.prices if len(turn.prices) == len(made) else (None,) * len(made)
    rows = "".join(_row(attempt, cost, titles) for attempt, cost in zip(made, prices, strict=True))
    return f'<details class="attempts"><summary>{title}</summary><ol>{rows}</ol></details>'


def seams(turn: Turn, titles: Mapping[str, str]) -> dict[int, str]:
    """Where in the text one target broke off and another went on, and what to say of it there."""
    said = {}
    for at, (broken, now) in _seams(turn).items():
        one, other = _apart(broken, now, titles)
        said[at] = f"{one} broke off here; {'it' if broken == now else other} goes on"
    return said


def reason(attempt: Attempt, titles: Mapping[str, str]) -> str:
    """Why an attempt did not bring the answer, as a sentence."""
    if attempt.reason:
        return f"{attempt.reason.rstrip('. ')}."
    return f"{name(attempt.provider, attempt.model, titles)}: {attempt.outcome.replace('_', ' ')}."


def facts(attempt: Attempt, cost: Decimal | None) -> list[str]:
    """When, how long, how much."""
    when = f"at +{seconds(attempt.started)}" if attempt.started >= 0.005 else "at the start"
    if attempt.outcome == NOT_ASKED:
        return [when]
    waited = f", after a wait of {seconds(attempt.wait)}" if attempt.wait else ""
    first = [] if attempt.first_token is None else [f"first token {seconds(attempt.first_token)}"]
    return [f"{when}{waited}", f"took {seconds(attempt.seconds)}", *first, *tokens(attempt),
        cost_of(attempt, cost)]  # fmt: skip


def tokens(attempt: Attempt) -> list[str]:
    usage = attempt.usage or {}
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    counts = [f"{count:,} {way}" for count, way in ((read, "in"), (written, "out")) if count is not None]
    return [f"{' / '.join(counts)} tokens"] if counts else []


def cost_of(attempt: Attempt, cost: Decimal | None) -> str:
    """A failure's price is not told by anybody; one that is refused before it begins costs nothing anywhere."""
    if cost is None and attempt.first_token is None and attempt.outcome not in ("answered", "timed_out", "stopped"):
        return "no charge expected"
    return price(cost)


def _row(attempt: Attempt, cost: Decimal | None, titles: Mapping[str, str]) -> str:
    if attempt.outcome in ("answered", "stopped"):
        mood, outcome = attempt.outcome, attempt.outcome
    else:
        mood, outcome = "failed" if attempt.outcome != NOT_ASKED else "not-asked", reason(attempt, titles)
    said = " · ".join(html_text(fact) for fact in facts(attempt, cost))
    who = html_text(name(attempt.provider, attempt.model, titles))
    return f'<li class="{mood}"><b>{who}</b> {html_text(outcome)} <span class="when">{said}</span></li>'


def _asked(turn: Turn) -> Target:
    started = (event for event in reversed(turn.answer.route) if isinstance(event, AttemptStarted | Resumed))
    return next(((event.provider, event.model) for event in started), (turn.question.provider, turn.question.model))


def _same(attempt: Attempt, target: Target) -> bool:
    return (attempt.provider, attempt.model) == target


def _which(turn: Turn) -> str:
    """Which attempt at the same target is on its way, where that is known, after a comma: 2 of 3."""
    failed = [event for event in turn.answer.route if isinstance(event, AttemptFailed)]
    runs = [list(run) for _, run in groupby(failed, lambda one: (one.attempt.provider, one.attempt.model))]
    most = 2 if runs[-1][-1].attempt.outcome == "empty_answer" else turn.question.tries
    return f", {len(runs[-1]) + 1} of {most}" if most > len(runs[-1]) else ""


def _seams(turn: Turn) -> dict[int, tuple[Target, Target]]:
    """By place in the text: who broke off, and who goes on. One who added nothing to the text is passed over."""
    found: dict[int, tuple[Target, Target]] = {}
    writer = now = (turn.question.provider, turn.question.model)
    end = 0
    for event in turn.answer.route:
        if isinstance(event, AttemptFailed):
            continue
        if isinstance(event, Resumed) and event.characters > end:
            writer, end = now, event.characters
        now = (event.provider, event.model)
        if isinstance(event, Resumed):
            found[end] = (writer, now)
    return {at: both for at, both in found.items() if at < len(turn.answer.text)}


def _apart(one: Target, other: Target, titles: Mapping[str, str]) -> tuple[str, str]:
    """Two targets, each as short as tells them apart."""
    if one[0] != other[0]:
        return titles.get(one[0], one[0]), titles.get(other[0], other[0])
    return name(*one, titles), name(*other, titles)


def _first(turn: Turn, titles: Mapping[str, str]) -> str:
    """The first choice, for a sentence about another one."""
    first = attempts(turn)[0]
    return _apart((first.provider, first.model), answering(turn), titles)[0]


def _took_over(turn: Turn, titles: Mapping[str, str]) -> str:
    broken, now = list(_seams(turn).values())[-1]
    who = _apart(broken, now, titles)[1]
    return f"{who} {'went on' if broken == now else 'took over'}{_after(turn)}"


def _after(turn: Turn) -> str:
    """After how many words an answer broke off, if it did."""
    places = list(_seams(turn))
    return f" after {counted(len(turn.answer.text[: places[-1]].split()), 'word')}" if places else ""
