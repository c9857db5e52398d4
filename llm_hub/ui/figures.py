"""The discreet line that belongs to an answer: who really gave it, how fast, how much, for what price."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, assert_never

from llm_hub.chat import AttemptFailed, AttemptStarted, Resumed
from llm_hub.ui.untrusted import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import LLMResponse
    from llm_hub.ui.coalesce import RouteEvent
    from llm_hub.ui.conversation import Turn

Titles = dict[str, str]
"""Provider names to what the page calls them."""

_CHARACTERS_A_TOKEN = 4
"""English text, roughly; only used where a provider did not count, and then marked with ≈."""

_SETTINGS = {"temperature": "temperature", "max_tokens": "max tokens", "system": "the system prompt"}


def line(turn: Turn, titles: Mapping[str, str]) -> str:
    """The line as HTML, for a turn in whatever state."""
    if turn.outcome == "pending":
        return _progress(turn, titles)
    facts = [_who(turn, titles), *_speed(turn), *_tokens(turn), *_price(turn), *_ending(turn)]
    marks = " · ".join(f"<span>{plain(fact)}</span>" for fact in facts)
    notes = "".join(f"<div>{plain(note)}</div>" for note in _notes(turn))
    return f'<div class="figures">{marks}{notes}</div>'


def price(amount: Decimal | None) -> str:
    """An unknown price is never nothing."""
    if amount is None:
        return "price unknown"
    if amount == 0:
        return "free"
    if amount < Decimal("0.0001"):
        return "under $0.0001"
    places = 2 if amount >= 1 else 4
    return f"${amount:.{places}f}"


def seconds(value: float) -> str:
    """As long as a reader needs it: 0.42 s, 3.1 s, 75 s."""
    return f"{value:.2f} s" if value < 1 else f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def name(provider: str, model: str, titles: Mapping[str, str]) -> str:
    title = titles.get(provider, provider)
    return f"{title} · {model}" if model else title


def _progress(turn: Turn, titles: Mapping[str, str]) -> str:
    answer = turn.answer
    who = name(turn.asked.provider, turn.asked.model, titles)
    for event in reversed(answer.route):
        if isinstance(event, AttemptStarted | Resumed):
            who = name(event.provider, event.model, titles)
            break
    if answer.waiting:
        what = answer.waiting.rstrip(". …")
    elif answer.first_token is None:
        what = _trouble(answer.route[-1], titles) if answer.route else f"Waiting for {who}"
    else:
        what = f"{who} is {'answering' if answer.text else 'thinking'}"
    clock = f'<span aria-hidden="true"> {int(answer.elapsed)} s</span>' if answer.elapsed >= 1 else ""
    return f'<div class="figures busy"><span>{plain(what)}…</span>{clock}</div>'


def _trouble(event: RouteEvent, titles: Mapping[str, str]) -> str:
    match event:
        case AttemptStarted(provider, model):
            return f"Waiting for {name(provider, model, titles)}"
        case AttemptFailed(attempt, retry_in):
            again = "" if retry_in is None else f", trying again in {seconds(retry_in)}"
            return f"{name(attempt.provider, attempt.model, titles)}: {attempt.reason or attempt.outcome}{again}"
        case Resumed(provider, model):
            return f"{name(provider, model, titles)} goes on"
        case _:
            assert_never(event)


def _who(turn: Turn, titles: Mapping[str, str]) -> str:
    response = turn.answer.response
    if response is None:
        return name(turn.asked.provider, turn.asked.model, titles)
    return name(response.provider, response.model, titles)


def _speed(turn: Turn) -> list[str]:
    answer, response = turn.answer, turn.answer.response
    timing = response.timing if response else None
    first = timing.first_token if timing else answer.first_token
    total = timing.total if timing else answer.elapsed
    if first is None:
        return []
    facts = [f"first token {seconds(first)}"]
    count, counted = _written(turn)
    if count > 1 and total - first > 0.05:
        facts.append(f"{'' if counted else '≈ '}{count / (total - first):.0f} tokens/s")
    return facts


def _tokens(turn: Turn) -> list[str]:
    response = turn.answer.response
    read = response.usage.get("prompt_tokens") if response else None
    written, counted = _written(turn)
    facts = []
    if read is not None:
        facts.append(f"{read:,} in")
    if written or counted:
        facts.append(f"{'' if counted else '≈ '}{written:,} out")
    return [" / ".join(facts) + " tokens"] if facts else []


def _written(turn: Turn) -> tuple[int, bool]:
    """Tokens of the answer, and whether the provider counted them."""
    response = turn.answer.response
    if response is not None and "completion_tokens" in response.usage:
        return response.usage["completion_tokens"], True
    characters = len(turn.answer.text) + len(turn.answer.reasoning)
    return -(-characters // _CHARACTERS_A_TOKEN), False


def _price(turn: Turn) -> list[str]:
    return [] if turn.answer.response is None else [price(turn.price)]


def _ending(turn: Turn) -> list[str]:
    if turn.outcome == "stopped":
        return ["stopped"]
    if turn.outcome == "failed":
        return ["broken off" if turn.answer.text else "no answer"]
    reason = "" if turn.answer.response is None else turn.answer.response.finish_reason
    if reason == "stop":
        return []
    return ["cut at max tokens" if reason == "length" else f"ended with: {reason}"]


def _notes(turn: Turn) -> list[str]:
    response: LLMResponse | None = turn.answer.response
    if response is None:
        return []
    left_out = [_SETTINGS.get(setting, setting) for setting in response.ignored]
    if not left_out:
        return list(response.notes)
    return [f"This model does not take {' or '.join(left_out)}, so it was left out.", *response.notes]
