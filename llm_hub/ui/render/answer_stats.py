"""The line under an answer: the model that gave it, its speed, its tokens and its price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.ui.render import attempt_text
from llm_hub.ui.render.formats import Titles, format_seconds, format_target
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import answers_texts as texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import LLMResponse
    from llm_hub.conversations.turn import Turn

__all__ = ["Titles", "render_stats_line"]

_CHARACTERS_A_TOKEN = 4
"""Roughly, in English text. Used only if a provider did not count, and then marked with ≈."""

_SETTINGS = {
    "temperature": "temperature",
    "max_tokens": texts.MAX_TOKENS,
    "system": texts.SYSTEM_PROMPT,
    "effort": texts.EFFORT,
}


def render_stats_line(turn: Turn, titles: Mapping[str, str], *, spoken: bool = False, actions: str = "") -> str:
    """The line as HTML, for a turn in any state: who answered and whether anything went wrong, then the figures, which
    are folded until the reader wants them, and the attempts, which can be opened. As it is `spoken`, to a screen reader
    when the turn ends, there is nothing to open.

    `actions` is HTML that follows the figures of a finished turn.
    """
    if turn.outcome == "pending":
        return _progress(turn, titles)
    title = format_target(*attempt_text.answering_target(turn), titles)
    summary = attempt_text.summarize_attempts(turn, titles)
    told = _spans([title, *summary, *_ending(turn)])
    figures = _spans([*_speed(turn), *_tokens(turn), *_price(turn)])
    notes = "".join(f"<div>{html_text(note)}</div>" for note in (*_files(turn), *_notes(turn)))
    if spoken:
        return f'<div class="figures">{" · ".join(filter(None, (told, figures)))}{notes}</div>'
    folded = f'<span class="folded"> · {figures}</span>{texts.FIGURES}' if figures else ""
    attempt_list = attempt_text.render_attempts(turn, titles)
    return f'<div class="figures">{told}{folded}{actions}{notes}{attempt_list}</div>'


def _spans(facts: list[str]) -> str:
    return " · ".join(f"<span>{html_text(fact)}</span>" for fact in facts)


def _progress(turn: Turn, titles: Mapping[str, str]) -> str:
    """The line while an answer is on its way: what went wrong, what happens now, and for how long already."""
    answer = turn.answer
    problem, activity = attempt_text.describe_progress(turn, titles)
    if answer.waiting:
        activity = answer.waiting.rstrip(". …")
    clock = f'<span aria-hidden="true"> {int(answer.elapsed)} s</span>' if answer.elapsed >= 1 else ""
    trouble = f'<span class="why">{html_text(problem)}</span> ' if problem else ""
    css_class = "figures busy trouble" if problem else "figures busy"
    return f'<div class="{css_class}">{trouble}<span>{html_text(activity)}…</span>{clock}</div>'


def _speed(turn: Turn) -> list[str]:
    answer, response = turn.answer, turn.answer.response
    timing = response.timing if response else None
    first = timing.first_token if timing else answer.first_token
    total = timing.total if timing else answer.elapsed
    if first is None:
        return []
    facts = [f"first token {format_seconds(first)}"]
    count, counted = _written(turn)
    if count > 1 and total - first > 0.05:
        facts.append(f"{'' if counted else '≈ '}{count / (total - first):.0f} tokens/s")
    return facts


def _tokens(turn: Turn) -> list[str]:
    response = turn.answer.response
    resumed = attempt_text.resume_notes(turn, {})
    read = response.usage.get("prompt_tokens") if response and not resumed else None
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
    resumed = attempt_text.resume_notes(turn, {})  # then the last provider counted its own part only
    if response is not None and "completion_tokens" in response.usage and not resumed:
        return response.usage["completion_tokens"], True
    characters = len(turn.answer.text) + len(turn.answer.reasoning)
    return -(-characters // _CHARACTERS_A_TOKEN), False


def _price(turn: Turn) -> list[str]:
    return [] if turn.answer.response is None else [attempt_text.describe_price(turn)]


def _ending(turn: Turn) -> list[str]:
    if turn.outcome == "stopped":
        return ["stopped" if turn.is_history else texts.STOPPED_EMPTY]
    if turn.outcome == "failed":
        return [texts.BROKEN_OFF if turn.answer.text else texts.NO_ANSWER]
    reason = "" if turn.answer.response is None else turn.answer.response.finish_reason
    if reason == "stop":
        return []
    if reason == "length":  # without a limit of the visitor's, the model has one of its own
        return [texts.CUT_AT_MAX_TOKENS if turn.question.max_tokens else texts.CUT_AT_ITS_LIMIT]
    return [texts.ENDED.format(reason=reason)]


def _files(turn: Turn) -> list[str]:
    """How the documents of the conversation went to the model that answered."""
    response = turn.answer.response
    return [" · ".join(response.files)] if response is not None and response.files else []


def _notes(turn: Turn) -> list[str]:
    response: LLMResponse | None = turn.answer.response
    told = [turn.note] if turn.note else []
    if response is None:
        return told
    left_out = [_SETTINGS.get(setting, setting) for setting in response.ignored]
    if not left_out:
        return [*told, *response.notes]
    return [f"This model does not take {' or '.join(left_out)}, so it was left out.", *told, *response.notes]
