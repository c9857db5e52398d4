"""The figures of the panes' answers: as a table, as plots, and as plain values for an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.ui.render import attempt_text
from llm_hub.ui.render.formats import format_seconds, format_target
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_hub.conversations.turn import Turn

_ENDS = {"stop": "complete", "length": texts.CUT, "tool_calls": texts.ASKS_FOR_TOOL}
"""How an answer ended, in words for people. An export has the API's own words."""
_CHARACTERS_A_TOKEN = 4
"""Roughly, in English text. Used only if a provider did not count, and then marked with ≈."""


@dataclass(frozen=True, slots=True)
class AnswerStats:
    """One answer in numbers: `title` is the target that answered, times are seconds, `rate` is tokens a second.

    `counted`: the provider counted the tokens; otherwise `written` is an estimate. `answered`: the answer is complete.
    """

    title: str
    first: float | None
    total: float
    written: int
    counted: bool
    read: int | None
    rate: float | None
    price: str
    ended: str
    answered: bool
    attempts: int

    @property
    def whole(self) -> float | None:
        """Seconds that the whole answer took, if it is complete."""
        return self.total if self.answered else None

    @property
    def end(self) -> str:
        """How it ended, in words for people."""
        return _ENDS.get(self.ended, self.ended)

    @property
    def about(self) -> str:
        """The sign before an estimate."""
        return "" if self.counted else "≈ "

    def words(self) -> dict[str, str]:
        """The figures as text, by the names that readers know them by."""
        return {
            "first token": "none" if self.first is None else format_seconds(self.first),
            "tokens a second": "" if self.rate is None else f"{self.about}{self.rate:.0f}",
            "tokens in": "" if self.read is None else f"{self.read:,}",
            "tokens out": f"{self.about}{self.written:,}",
            "time": format_seconds(self.total),
            "price": self.price.removeprefix("price "),
            "ended": self.ended,
            "attempts": str(self.attempts),
        }


def measure_turn(turn: Turn, titles: Mapping[str, str]) -> AnswerStats:
    """The figures of a turn that is over."""
    answer, response = turn.answer, turn.answer.response
    timing = response.timing if response else None
    first = timing.first_token if timing else answer.first_token
    total = timing.total if timing else answer.elapsed
    resumed = attempt_text.resume_notes(turn, {})  # then the last provider counted its own part only
    whole = response is not None and not resumed
    written = response.usage.get("completion_tokens") if response is not None and whole else None
    counted = written is not None
    if written is None:
        written = -(-(len(answer.text) + len(answer.reasoning)) // _CHARACTERS_A_TOKEN)
    streamed = 0.0 if first is None else total - first
    ended = turn.outcome if response is None else response.finish_reason
    return AnswerStats(
        title=format_target(*attempt_text.answering_target(turn), titles),
        first=first,
        total=total,
        written=written,
        counted=counted,
        read=response.usage.get("prompt_tokens") if response is not None and whole else None,
        rate=written / streamed if written > 1 and streamed > 0.05 else None,
        price=attempt_text.describe_price(turn) if response is not None else "unknown",
        ended=ended,
        answered=response is not None,
        attempts=max(1, sum(attempt.was_sent for attempt in attempt_text.list_attempts(turn))),
    )


def render_table(rows: Sequence[AnswerStats]) -> str:
    """A table with a row for each answer."""
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("model", *rows[0].words()))
    lines = "".join(
        f'<tr><th scope="row">{html_text(row.title)}</th>'
        + "".join(f"<td>{html_text(value)}</td>" for value in (row.words() | {"ended": row.end}).values())
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table class="side-by-side"><tr>{heads}</tr>{lines}</table></div>'


def render_plot(rows: Sequence[AnswerStats]) -> str:
    """A plot with bars for each figure that can be better or worse."""
    return "".join((
        _bars(texts.LATENCY, texts.SHORTER_IS_BETTER, [(row, row.first, format_seconds) for row in rows]),
        _bars(texts.TOKENS_A_SECOND, texts.LONGER_IS_BETTER, [(row, row.rate, _rate_format(row)) for row in rows]),
        _bars(texts.WHOLE_ANSWER, texts.SHORTER_IS_SOONER, [(row, row.whole, format_seconds) for row in rows]),
    ))  # fmt: skip


def _rate_format(row: AnswerStats) -> Callable[[float], str]:
    return lambda value: f"{row.about}{value:.0f}"


def _bars(title: str, note: str, values: Sequence[tuple[AnswerStats, float | None, Callable[[float], str]]]) -> str:
    most = max((value for _, value, _ in values if value), default=0.0)
    if not most:
        return ""
    bars = []
    for row, value, format_value in values:
        text = (row.ended if not row.answered else "unknown") if value is None else format_value(value)
        fill = "" if value is None else f'<span class="fill" style="width:{100 * value / most:.1f}%"></span>'
        bars.append(
            f'<div class="bar"><span class="who">{html_text(row.title)}</span><span class="track">{fill}</span>'
            f'<span class="value">{html_text(text)}</span></div>'
        )
    return f'<div class="bars"><h3>{title} <small>{note}</small></h3>{"".join(bars)}</div>'
