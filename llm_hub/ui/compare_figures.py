"""The panes' figures side by side: as a table, as a plot, and as plain values for an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.ui import route
from llm_hub.ui.amounts import name, price, seconds
from llm_hub.ui.untrusted import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_hub.ui.conversation import Turn

_CHARACTERS_A_TOKEN = 4
"""English text, roughly; only used where a provider did not count, and then marked with ≈."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One answer in numbers. `counted`: the provider counted its tokens; else `written` is an estimate."""

    who: str
    first: float | None
    total: float
    written: int
    counted: bool
    read: int | None
    rate: float | None
    price: str
    ended: str
    attempts: int

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
    whole = response is not None and not route.seams(turn, {})  # else the provider counted its own part only
    written = response.usage.get("completion_tokens") if response is not None and whole else None
    counted = written is not None
    if written is None:
        written = -(-(len(answer.text) + len(answer.reasoning)) // _CHARACTERS_A_TOKEN)
    streamed = 0.0 if first is None else total - first
    ended = turn.outcome if response is None else response.finish_reason
    return Figures(
        who=name(*route.answering(turn), titles),
        first=first,
        total=total,
        written=written,
        counted=counted,
        read=response.usage.get("prompt_tokens") if response is not None and whole else None,
        rate=written / streamed if written > 1 and streamed > 0.05 else None,
        price=price(turn.price) if response is not None else "unknown",
        ended=ended,
        attempts=max(1, len([one for one in route.attempts(turn) if one.outcome != route.NOT_ASKED])),
    )


def table(rows: Sequence[Figures]) -> str:
    """One line an answer."""
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("model", *rows[0].words()))
    lines = "".join(
        f'<tr><th scope="row">{plain(row.who)}</th>'
        + "".join(f"<td>{plain(value)}</td>" for value in row.words().values())
        + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table class="side-by-side"><tr>{heads}</tr>{lines}</table></div>'


def plot(rows: Sequence[Figures]) -> str:
    """Bars for what can be better or worse."""
    return "".join((
        _bars("First token", "shorter is better", [(row.who, row.first, seconds) for row in rows]),
        _bars("Tokens a second", "longer is better", [(row.who, row.rate, _rate(row)) for row in rows]),
        _bars("Whole answer", "shorter is sooner", [(row.who, row.total, seconds) for row in rows]),
    ))  # fmt: skip


def _rate(row: Figures) -> Callable[[float], str]:
    return lambda value: f"{row.about}{value:.0f}"


def _bars(title: str, note: str, values: Sequence[tuple[str, float | None, Callable[[float], str]]]) -> str:
    most = max((value for _, value, _ in values if value), default=0.0)
    if not most:
        return ""
    bars = []
    for who, value, said in values:
        text = "none" if value is None else said(value)
        share = 100 * (value or 0) / most
        bars.append(
            f'<div class="bar"><span class="who">{plain(who)}</span>'
            f'<span class="track"><span class="fill" style="width:{share:.1f}%"></span></span>'
            f'<span class="value">{plain(text)}</span></div>'
        )
    return f'<div class="bars"><h3>{title} <small>{note}</small></h3>{"".join(bars)}</div>'
