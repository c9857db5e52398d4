"""The Leaderboard tab: ratings from the votes of blind comparisons, computed when the tab is opened."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.arena.ratings import CENTRE, Leaderboard, rate_models
from llm_hub.errors import ConfigurationError
from llm_hub.ui import model_choices
from llm_hub.ui.browser_files import SAVE, browser_file
from llm_hub.ui.gradio_fixes.event_options import QUIET
from llm_hub.ui.render.export import as_csv
from llm_hub.ui.render.formats import format_count, format_target_id
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import leaderboard_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.arena.votes import Votes
    from llm_hub.ui.render.formats import Titles

DAY = 86400
"""Seconds."""
PERIODS: list[tuple[str, int]] = [(texts.ALL_TIME, 0), ("30 days", 30 * DAY), ("7 days", 7 * DAY), ("24 hours", DAY)]
MAX_MATRIX_MODELS = 20
"""Rows and columns of the table of pairs: more do not fit a screen."""


def leaderboard_tab(session: Session, votes: Votes, tab: gr.Tab) -> None:
    """Builds the tab."""
    with gr.Column(elem_id="leaderboard"):
        with gr.Row(elem_id="leaderboard-bar"):
            period = gr.Radio(
                PERIODS, value=0, label=texts.PERIOD, show_label=False, container=False, elem_id="leaderboard-period"
            )
            refresh = gr.Button(texts.REFRESH, size="sm", elem_id="leaderboard-refresh")
            save = gr.Button(texts.SAVE_CSV, size="sm", elem_id="leaderboard-csv")
        report = gr.HTML(texts.NO_VOTES, elem_id="leaderboard-board")
        csv_file = gr.JSON(visible=False)
    events = LeaderboardEvents(session, votes)
    gr.on([tab.select, period.input, refresh.click], events.refresh, period, report, **QUIET)
    save.click(events.make_csv, period, csv_file, **QUIET).then(None, csv_file, None, js=SAVE, **QUIET)


class LeaderboardEvents:
    """The tab's handlers. `seconds` is the age of the oldest vote that counts; 0 means all votes."""

    def __init__(self, session: Session, votes: Votes) -> None:
        self._session = session
        self._votes = votes

    async def refresh(self, seconds: int) -> str:
        try:
            rated = await self._rate(seconds)
        except ConfigurationError as error:
            return f'<div class="problem" role="alert">{html_text(str(error))}</div>'
        return leaderboard_html(rated, model_choices.provider_titles(self._session))

    async def make_csv(self, seconds: int) -> dict[str, str] | None:
        """The ratings as a file for the browser to save, or None if the votes cannot be read."""
        try:
            return browser_file("leaderboard.csv", "text/csv", as_csv(await self._rate(seconds)))
        except ConfigurationError:
            return None

    async def _rate(self, seconds: int) -> Leaderboard:
        return await asyncio.to_thread(rate_models, await self._votes.since(seconds or None))


def leaderboard_html(rated: Leaderboard, provider_titles: Titles) -> str:
    """The whole report."""
    if not rated.ratings:
        return texts.NO_VOTES
    return f"{_table(rated, provider_titles)}{texts.SCALE}{_matrix(rated, provider_titles)}"


def _table(rated: Leaderboard, provider_titles: Titles) -> str:
    low = min(*(rating.low for rating in rated.ratings), CENTRE)
    width = max(*(rating.high for rating in rated.ratings), CENTRE) - low
    rows = []
    for rank, rating in enumerate(rated.ratings, 1):
        left, right, middle = (100 * (value - low) / width for value in (rating.low, rating.high, rating.rating))
        interval = (
            f'<span class="axis"><span class="range" style="left:{left:.1f}%;width:{right - left:.1f}%"></span>'
            f'<span class="point" style="left:{middle:.1f}%"></span></span>'
        )
        rows.append(
            f'<tr><td>{rank}</td><th scope="row">{html_text(format_target_id(rating.target, provider_titles))}</th>'
            f'<td class="number"><b>{rating.rating:.0f}</b> '
            f'<span class="ends">{rating.low:.0f} to {rating.high:.0f}</span></td>'
            f'<td class="interval" aria-hidden="true">{interval}</td>'
            f'<td class="number">{rating.votes:,}</td><td class="number">{rating.wins:,}</td>'
            f'<td class="number">{rating.ties:,}</td></tr>'
        )
    heads = ("", "model", "rating", "95 % interval", "votes", "wins", "ties")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        f'<h2>{format_count(rated.votes, "vote")}{_ties(rated)}</h2><div class="wide">'
        f'<table class="ratings"><tr>{head}</tr>{"".join(rows)}</table></div>'
    )


def _ties(rated: Leaderboard) -> str:
    if not rated.ties:
        return ""
    bad = f", {rated.all_bad:,} of these all bad" if rated.all_bad else ""
    return f", {format_count(rated.ties, 'tie')}{bad}"


def _matrix(rated: Leaderboard, provider_titles: Titles) -> str:
    """How often the model of the row was better than that of the column."""
    names = [rating.target for rating in rated.ratings][:MAX_MATRIX_MODELS]
    head = "".join(
        f'<th scope="col" title="{html_text(format_target_id(name, provider_titles))}">{number}</th>'
        for number, name in enumerate(names, 1)
    )
    rows = []
    for number, name in enumerate(names, 1):
        cells = "".join(_cell(rated, name, other) for other in names)
        rows.append(
            f'<tr><th scope="row">{number} {html_text(format_target_id(name, provider_titles))}</th>{cells}</tr>'
        )
    return (
        '<h2>Who was better than whom</h2><p class="scale">Share of the comparisons of both in which the model of the '
        "row was better than that of the column; a tie is half.</p>"
        f'<div class="wide"><table class="matrix"><tr><td></td>{head}</tr>{"".join(rows)}</table></div>'
    )


def _cell(rated: Leaderboard, row: str, column: str) -> str:
    games = rated.games.get((row, column), 0)
    if not games:
        return '<td class="none">–</td>' if row != column else '<td class="self"></td>'
    share = rated.wins[row, column] / games
    return f'<td style="--share:{share:.2f}">{100 * share:.0f} %<small>{format_count(games, "game")}</small></td>'
