"""The Usage tab: what was asked of whom, by whom, and what it cost, from the ledger. Read when somebody looks.

It is the owner's: the page has it only where others cannot reach it, and it answers browsers on this computer alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.access.client_address import from_here
from llm_hub.errors import ConfigurationError
from llm_hub.ui.gradio_fixes.event_options import QUIET
from llm_hub.ui.model_choices import titles
from llm_hub.ui.render.formats import counted, price, target
from llm_hub.ui.render.sanitize import html_text
from llm_hub.usage.ledger import DAY, Used, together

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_hub.access.session import Session
    from llm_hub.ui.render.formats import Titles
    from llm_hub.usage.ledger import Ledger, Total

PERIODS: list[tuple[str, int]] = [("Today", 1), ("7 days", 7), ("30 days", 30), ("All time", 0)]
"""Days, today included."""
MAX_DAYS = 60
"""Columns of a plot: what is older is in the tables alone."""
EMPTY = """<div class="welcome"><h2>Nothing was asked</h2><p>Every answer that is asked for in a chat, a comparison or
over the API is counted here: by whom and of whom, its tokens and its price, and never what was said.</p></div>"""
ELSEWHERE = """<div class="problem" role="alert">This tab answers browsers on the hub's own computer only. Over the API,
<code>GET /v1/usage</code> tells each key what it used, and a key named <code>owner</code> everything.</div>"""
ASKERS = {"page": "this page", "visitor": "gateway, with keys of their own", "local": "programs on this computer"}
"""Who asks without a key of the API, in a reader's words."""


def usage_tab(session: Session, ledger: Ledger, tab: gr.Tab) -> None:
    """Builds the tab."""
    with gr.Column(elem_id="usage"):
        with gr.Row(elem_id="usage-bar"):
            period = gr.Radio(
                PERIODS, value=7, label="Use of", show_label=False, container=False, elem_id="usage-period"
            )
            refresh = gr.Button("Refresh", size="sm", elem_id="usage-refresh")
        shown = gr.HTML(EMPTY, elem_id="usage-shown")

    async def look(days: int, visitor: gr.Request) -> str:
        if not from_here(visitor.client.host, visitor.headers):
            return ELSEWHERE
        today = ledger.today
        try:
            totals = await ledger.totals(today - days + 1 if days else 0)
        except ConfigurationError as error:
            return f'<div class="problem" role="alert">{html_text(str(error))}</div>'
        return page(totals, today, days, titles(session))

    gr.on([tab.select, period.input, refresh.click], look, period, shown, **QUIET)


def page(totals: Sequence[Total], today: int, days: int, called: Titles) -> str:
    """All of it, in HTML."""
    if not totals:
        return EMPTY
    by_target = together(totals, lambda total: total.target)
    by_asker = together(totals, lambda total: total.who)
    return "".join(
        (
            _sums(sum(by_target.values(), Used())),
            _plots(totals, today, days),
            _table("model", [(target(name, called), used) for name, used in by_target.items()]),
            _table("asked by", [(ASKERS.get(name, name), used) for name, used in by_asker.items()]),
        )
    )


def _sums(used: Used) -> str:
    cells = (
        (f"{used.requests:,}", "requests", _share(used)),
        (f"{used.prompt_tokens:,}", "tokens in", f"{used.cached_tokens:,} from a cache" if used.cached_tokens else ""),
        (
            f"{used.completion_tokens:,}",
            "tokens out",
            f"{used.reasoning_tokens:,} of reasoning" if used.reasoning_tokens else "",
        ),
        (_spent(used), "price", f"{counted(used.unpriced, 'answer')} without a known price" if used.unpriced else ""),
    )
    shown = "".join(
        f'<div class="sum"><b>{value}</b> <span>{name}</span> <small>{note}</small></div>'
        for value, name, note in cells
    )
    return f'<div class="sums">{shown}</div>'


def _share(used: Used) -> str:
    return "all answered" if used.answered == used.requests else f"{used.answered:,} answered"


def _spent(used: Used) -> str:
    """The price of what has one; unknown where nothing has, or what has is free and the rest may not be."""
    known = used.price or (used.answered and not used.unpriced)
    return price(used.price if known else None).removeprefix("price ")


def _plots(totals: Sequence[Total], today: int, days: int) -> str:
    by_day = together(totals, lambda total: total.day)
    first = max(today - days + 1 if days else min(by_day), today - MAX_DAYS + 1)
    span = range(first, today + 1)
    if len(span) == 1:
        return ""
    return "".join(
        (
            '<div class="plots">',
            _columns("Requests a day", span, by_day, lambda used: used.requests, lambda value: f"{value:,}"),
            _columns(
                "Tokens a day",
                span,
                by_day,
                lambda used: used.prompt_tokens + used.completion_tokens,
                lambda value: f"{value:,}",
            ),
            _columns("Dollars a day", span, by_day, lambda used: used.price, lambda value: price(Decimal(value))),
            "</div>",
        )
    )


def _columns(
    title: str,
    span: range,
    by_day: Mapping[int, Used],
    value: Callable[[Used], Decimal | int],
    said: Callable[[Decimal | int], str],
) -> str:
    """A column for each day, as high as the day's share of the highest."""
    values = [value(by_day.get(day, Used())) for day in span]
    most = max(values)
    if not most:
        return ""
    columns = "".join(
        f'<span class="column" style="--share:{float(one / most):.3f}" title="{_date(day)}: {said(one)}"></span>'
        for day, one in zip(span, values, strict=True)
    )
    peak = span[values.index(most)]
    told = f"{title}, from {_date(span[0])} to {_date(span[-1])}: at most {said(most)}, on {_date(peak)}"
    return (
        f'<figure class="columns" role="img" aria-label="{told}"><figcaption>{title} '
        f'<small>at most {said(most)}</small></figcaption><div class="bars-up">{columns}</div>'
        f'<div class="ends"><span>{_date(span[0])}</span><span>{_date(span[-1])}</span></div></figure>'
    )


def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY, UTC):%-d %b}"


def _table(head: str, used: Sequence[tuple[str, Used]]) -> str:
    """The most used first."""
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in (head, "requests", "answered", "tokens in", "tokens out", "price")
    )
    rows = "".join(
        f'<tr><th scope="row">{html_text(name)}</th><td>{one.requests:,}</td><td>{one.answered:,}</td>'
        f"<td>{one.prompt_tokens:,}</td><td>{one.completion_tokens:,}</td><td>{_spent(one)}</td></tr>"
        for name, one in sorted(used, key=lambda item: -item[1].requests)
    )
    return f'<div class="wide"><table class="used"><tr>{heads}</tr>{rows}</table></div>'
