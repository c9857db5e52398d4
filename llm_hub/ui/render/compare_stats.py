"""The panes' figures side by side: as a table, as a plot, and as plain values for an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.ui.render import attempt_text
from llm_hub.ui.render.formats import name, price, seconds
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_hub.ui.chat.conversation import Turn

_ENDS = {"stop": "complete", "length": "cut at its limit", "tool_calls": "asks for a tool"}
"""How an answer ended, in words for people: a program that reads an export gets the API's own."""
_CHARACTERS_A_TOKEN = 4
"""English text, roughly; only used where a provider did not count, and then marked with ≈."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One answer in numbers. `counted`: the provider counted its tokens; else `written` is an estimate.

    `answered`: it came to its end by itself.
    """

    who: str
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
        """How long the whole answer took."""
        return self.total if self.answered else None

    @property
    def end(self) -> str:
        return _ENDS.get(self.ended, self.ended)

    @property
    def about(self) -> str:
        return "" if self.counted else "≈ "

    def words(self) -> dict[str, str]:
        """By what a reader calls them."""
        return {
            "first token": "none" if self.first is None else seconds(self.first),
            "tokens a second": "" if self.rate is None else f"{self.about}{self.rate:.0f}",
            "tokens in": "" if self.read is None else f"{self.read:,}",
            "tokens out": f"{self.about}{self.written:,}",
            "time": seconds(self.total),
            "price": self.price.removeprefix("price "),
            "ended": self.ended,
            "attempts": str(self.attempts),
        }


def of(turn: Turn, titles: Mapping[str, str]) -> Figures:
    """The figures of a turn that is over."""
    answer, response = turn.answer, turn.answer.response
    timing = response.timing if response else None
    first = timing.first_token if timing else answer.first_token
    total = timing.total if timing else answer.elapsed
    whole = response is not None and not attempt_text.seams(turn, {})  # else the provider counted its own part only
    written = response.usage.get("completion_tokens") if response is not None and whole else None
    counted = written is not None
    if written is None:
        written = -(-(len(answer.text) + len(answer.reasoning)) // _CHARACTERS_A_TOKEN)
    streamed = 0.0 if first is None else total - first
    ended = turn.outcome if response is None else response.finish_reason
    return Figures(
        who=name(*attempt_text.answering(turn), titles),
        first=first,
        total=total,
        written=written,
        counted=counted,
        read=response.usage.get("prompt_tokens") if response is not None and whole else None,
        rate=written / streamed if written > 1 and streamed > 0.05 else None,
        price=price(turn.price) if response is not None else "unknown",
        ended=ended,
        answered=response is not None,
        attempts=max(1, sum(attempt_text.was_sent(attempt) for attempt in attempt_text.attempts(turn))),
    )


def table(rows: Sequence[Figures]) -> str:
    """One line an answer."""
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("model", *rows[0].words()))
    lines = "".join(
        f'<tr><th scope="row">{html_text(row.who)}</th>'
        + "".join(f"<td>{html_text(value)}</td>" for value in (row.words() | {"ended": row.end}).values())
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table class="side-by-side"><tr>{heads}</tr>{lines}</table></div>'


def plot(rows: Sequence[Figures]) -> str:
    """Bars for what can be better or worse."""
    return "".join((
        _bars("First token", "shorter is better", [(row, row.first, seconds) for row in rows]),
        _bars("Tokens a second", "longer is better", [(row, row.rate, _rate(row)) for row in rows]),
        _bars("Whole answer", "shorter is sooner", [(row, row.whole, seconds) for row in rows]),
    ))  # fmt: skip


def _rate(row: Figures) -> Callable[[float], str]:
    return lambda value: f"{row.about}{value:.0f}"


def _bars(title: str, note: str, values: Sequence[tuple[Figures, float | None, Callable[[float], str]]]) -> str:
    most = max((value for _, value, _ in values if value), default=0.0)
    if not most:
        return ""
    bars = []
    for row, value, said in values:
        text = (row.ended if not row.answered else "unknown") if value is None else said(value)
        fill = "" if value is None else f'<span class="fill" style="width:{100 * value / most:.1f}%"></span>'
        bars.append(
            f'<div class="bar"><span class="who">{html_text(row.who)}</span><span class="track">{fill}</span>'
            f'<span class="value">{html_text(text)}</span></div>'
        )
    return f'<div class="bars"><h3>{title} <small>{note}</small></h3>{"".join(bars)}</div>'
