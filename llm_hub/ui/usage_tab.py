"""The Usage tab: requests, tokens and prices by model and by caller. The ledger is read when the tab is opened.

The tab is for the owner alone. The page has it only if others cannot reach the page, and its handler answers browsers
on the hub's own computer only.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.access.client_address import from_here
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.metrics import OTHER
from llm_hub.ui import model_choices
from llm_hub.ui.gradio_fixes.event_options import QUIET
from llm_hub.ui.render.formats import format_count, format_price, format_spent, format_target_id
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import usage_texts as texts
from llm_hub.usage.amounts import DAY
from llm_hub.usage.usage_sums import UsageSums, sum_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_hub.access.session import Session
    from llm_hub.ui.render.formats import Titles
    from llm_hub.usage.ledger import Ledger
    from llm_hub.usage.usage_sums import Total

PERIODS: list[tuple[str, int]] = [(texts.TODAY, 1), ("7 days", 7), ("30 days", 30), (texts.ALL_TIME, 0)]
"""Days, today included."""
MAX_DAYS = 60
"""Columns of a plot: on a phone more would be too thin to be seen. What is older is in the tables alone."""
CALLERS = {"page": texts.THIS_PAGE, "visitor": texts.VISITORS, "local": texts.PROGRAMS, "checks": texts.CHECKS}
"""Callers without an API key, in a reader's words."""


def usage_tab(session: Session, ledger: Ledger, tab: gr.Tab) -> None:
    """Builds the tab."""
    with gr.Column(elem_id="usage"):
        with gr.Row(elem_id="usage-bar"):
            period = gr.Radio(
                PERIODS, value=7, label=texts.PERIOD, show_label=False, container=False, elem_id="usage-period"
            )
            refresh = gr.Button(texts.REFRESH, size="sm", elem_id="usage-refresh")
        report = gr.HTML(texts.NOTHING, elem_id="usage-shown")
    gr.on([tab.select, period.input, refresh.click], UsageEvents(session, ledger).refresh, period, report, **QUIET)


class UsageEvents:
    """The tab's handler."""

    def __init__(self, session: Session, ledger: Ledger) -> None:
        self._session = session
        self._ledger = ledger

    async def refresh(self, days: int, visitor: gr.Request) -> str:
        """The report of the last `days`, today included; 0 means all time."""
        if not from_here(visitor.client.host, visitor.headers):
            return texts.LOCAL_ONLY
        today = self._ledger.today
        try:
            reserved = sum((await self._ledger.reserved.today()).values(), Decimal(0))
            totals = await self._ledger.totals(today - days + 1 if days else 0)
        except ConfigurationError as error:
            return f'<div class="problem" role="alert">{html_text(str(error))}</div>'
        return usage_html(totals, today, days, model_choices.provider_titles(self._session), reserved)


def usage_html(
    totals: Sequence[Total], today: int, days: int, provider_titles: Titles, reserved: Decimal = Decimal(0)
) -> str:
    """The whole report. `today` is a day's number, counted from 1970; `days` 0 means all time.

    `reserved` are US dollars that count for today's limits and are in none of the totals.
    """
    reserved_text = f"<p>{texts.RESERVED.format(format_price(reserved))}</p>" if reserved else ""
    if not totals:
        return texts.NOTHING + reserved_text
    by_target = sum_by(totals, lambda total: total.target)
    by_caller = sum_by(totals, lambda total: total.caller)
    return "".join(
        (
            _sums(sum(by_target.values(), UsageSums())),
            reserved_text,
            _plots(totals, today, days),
            _table("model", [(format_target_id(name, provider_titles), used) for name, used in by_target.items()]),
            f"<p>{texts.OTHER_MODELS}</p>" if any(name.endswith(f"/{OTHER}") for name in by_target) else "",
            _table(texts.ASKED_BY, [(CALLERS.get(name, name), used) for name, used in by_caller.items()]),
        )
    )


def _sums(used: UsageSums) -> str:
    cells = (
        (f"{used.requests:,}", "requests", _answered(used)),
        (
            f"{used.prompt_tokens:,}",
            texts.TOKENS_IN,
            f"{used.cached_tokens:,} from a cache" if used.cached_tokens else "",
        ),
        (
            f"{used.completion_tokens:,}",
            texts.TOKENS_OUT,
            f"{used.reasoning_tokens:,} of reasoning" if used.reasoning_tokens else "",
        ),
        (
            _price_sum(used),
            "price",
            f"{format_count(used.unpriced, 'answer')} without a known price" if used.unpriced else "",
        ),
    )
    sums = "".join(
        f'<div class="sum"><b>{value}</b> <span>{name}</span> <small>{note}</small></div>'
        for value, name, note in cells
    )
    return f'<div class="sums">{sums}</div>'


def _answered(used: UsageSums) -> str:
    return texts.ALL_ANSWERED if used.answered == used.requests else f"{used.answered:,} answered"


def _price_sum(used: UsageSums) -> str:
    """The sum of the known prices. It is unknown if none is, or if the known ones are free and the rest may not be."""
    known = used.price or (used.answered and not used.unpriced)
    return format_spent(used.price if known else None, used.reported_price).removeprefix("price ")


def _plots(totals: Sequence[Total], today: int, days: int) -> str:
    by_day = sum_by(totals, lambda total: total.day)
    first = max(today - days + 1 if days else min(by_day), today - MAX_DAYS + 1)
    span = range(first, today + 1)
    if len(span) == 1:
        return ""
    return "".join(
        (
            '<div class="plots">',
            _columns(texts.REQUESTS_A_DAY, span, by_day, lambda used: used.requests, lambda value: f"{value:,}"),
            _columns(
                texts.TOKENS_A_DAY,
                span,
                by_day,
                lambda used: used.prompt_tokens + used.completion_tokens,
                lambda value: f"{value:,}",
            ),
            _columns(
                texts.DOLLARS_A_DAY, span, by_day, lambda used: used.price, lambda value: format_price(Decimal(value))
            ),
            "</div>",
        )
    )


def _columns(
    title: str,
    span: range,
    by_day: Mapping[int, UsageSums],
    value: Callable[[UsageSums], Decimal | int],
    text: Callable[[Decimal | int], str],
) -> str:
    """A column for each day, as high as the day's share of the highest, over the dates of the first and the last."""
    values = [value(by_day.get(day, UsageSums())) for day in span]
    highest = max(values)
    if not highest:
        return ""
    columns = "".join(
        f'<span class="column" style="--share:{float(amount / highest):.3f}" '
        f'title="{_date(day)}: {text(amount)}"></span>'
        for day, amount in zip(span, values, strict=True)
    )
    peak = span[values.index(highest)]
    first, last = _date(span[0]), _date(span[-1])
    label = f"{title}, from {first} to {last}: at most {text(highest)}, on {_date(peak)}"
    return (
        f'<figure class="columns" role="img" aria-label="{label}"><figcaption>{title} '
        f'<small>at most {text(highest)}</small></figcaption><div class="bars-up">{columns}</div>'
        f'<div class="ends" style="--days:{len(span)}"><span>{first}</span><span>{last}</span></div></figure>'
    )


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY, UTC):%-d %b}"


def _table(head: str, rows_by_name: Sequence[tuple[str, UsageSums]]) -> str:
    """A row for each name, the one with the most requests first."""
    heads = "".join(
        f'<th scope="col">{name}</th>'
        for name in (head, "requests", "answered", texts.TOKENS_IN, texts.TOKENS_OUT, "price")
    )
    rows = "".join(
        f'<tr><th scope="row">{html_text(name)}</th><td>{used.requests:,}</td><td>{used.answered:,}</td>'
        f"<td>{used.prompt_tokens:,}</td><td>{used.completion_tokens:,}</td><td>{_price_sum(used)}</td></tr>"
        for name, used in sorted(rows_by_name, key=lambda row: -row[1].requests)
    )
    return f'<div class="wide"><table class="used"><tr>{heads}</tr>{rows}</table></div>'
