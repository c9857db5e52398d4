"""A target's last 24 hours as a row of cells, one for each hour, with a text for each and for the whole day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.ui.render.formats import format_count, format_seconds
from llm_hub.ui.texts import status_texts as texts
from llm_hub.usage.target_days import HourCounts

if TYPE_CHECKING:
    from collections.abc import Sequence


def day_html(hours: Sequence[HourCounts]) -> str:
    """The row, the present hour at the right; "" if nothing was asked."""
    day = sum(hours, HourCounts())
    if not day.attempts:
        return ""
    last = len(hours) - 1
    cells = "".join(_cell(counts, last - place) for place, counts in enumerate(hours))
    return (
        f'<div class="day"><ol aria-label="{texts.LAST_DAY}">{cells}</ol>'
        f'<p class="facts"><span>{texts.LAST_DAY}</span><span>{_facts(day)}</span></p></div>'
    )


def _cell(counts: HourCounts, hours_ago: int) -> str:
    when = texts.THIS_HOUR if not hours_ago else texts.HOURS_AGO.format(hours=format_count(hours_ago, "hour"))
    text = f"{when}: {_facts(counts)}"
    if not counts.attempts:
        return f'<li title="{text}"><span class="unseen">{text}</span></li>'
    failed = 100 * counts.failed / counts.attempts
    shown = max(12.0, failed) if failed else 0.0  # one failure of many is still to be seen
    return f'<li class="asked" style="--failed: {shown:.0f}%" title="{text}"><span class="unseen">{text}</span></li>'


def _facts(counts: HourCounts) -> str:
    if not counts.attempts:
        return texts.NOT_ASKED_THEN
    facts = f"{counts.answered} of {format_count(counts.attempts, 'attempt')} answered"
    if counts.first_token is not None:
        facts += f", {texts.LATENCY.format(seconds=format_seconds(counts.first_token))}"
    return facts
