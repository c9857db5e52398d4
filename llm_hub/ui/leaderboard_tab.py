"""The Leaderboard tab: ratings from the votes of blind comparisons, computed when somebody looks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.arena.ratings import CENTRE, Board, board
from llm_hub.errors import ConfigurationError
from llm_hub.ui.browser_files import SAVE, file
from llm_hub.ui.gradio_fixes.event_options import QUIET
from llm_hub.ui.model_choices import titles
from llm_hub.ui.render.export import as_csv
from llm_hub.ui.render.formats import counted, target
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.arena.votes import Votes
    from llm_hub.ui.render.formats import Titles

DAY = 86400
PERIODS: list[tuple[str, int]] = [("All time", 0), ("30 days", 30 * DAY), ("7 days", 7 * DAY), ("24 hours", DAY)]
EMPTY = """<div class="welcome"><h2>No votes yet</h2><p>Compare models with <b>Blind</b> ticked, and vote for the better
answer. The ratings come from these votes.</p></div>"""
SCALE = """<p class="scale">Bradley-Terry ratings with 95 % intervals: 1000 is the average of these models, 400 points
are odds of ten to one. Where intervals overlap, the votes do not yet say who is better.</p>"""
MAX_MATRIX_MODELS = 20


def leaderboard_tab(session: Session, votes: Votes, tab: gr.Tab) -> None:
    """Builds the tab."""
    with gr.Column(elem_id="leaderboard"):
        with gr.Row(elem_id="leaderboard-bar"):
            period = gr.Radio(
                PERIODS, value=0, label="Votes of", show_label=False, container=False, elem_id="leaderboard-period"
            )
            refresh = gr.Button("Refresh", size="sm", elem_id="leaderboard-refresh")
            save = gr.Button("Save CSV", size="sm", elem_id="leaderboard-csv")
        shown = gr.HTML(EMPTY, elem_id="leaderboard-board")
        made = gr.JSON(visible=False)

    async def look(seconds: int) -> str:
        try:
            rated = await _rated(votes, seconds)
        except ConfigurationError as error:
            return f'<div class="problem" role="alert">{html_text(str(error))}</div>'
        return _page(rated, titles(session))

    async def table(seconds: int) -> dict[str, str] | None:
        try:
            return file("leaderboard.csv", "text/csv", as_csv(await _rated(votes, seconds)))
        except ConfigurationError:
            return None

    gr.on([tab.select, period.input, refresh.click], look, period, shown, **QUIET)
    save.click(table, period, made, **QUIET).then(None, made, None, js=SAVE, **QUIET)


async def _rated(votes: Votes, seconds: int) -> Board:
    return await asyncio.to_thread(board, await votes.since(seconds or None))


def _page(rated: Board, called: Titles) -> str:
    if not rated.ratings:
        return EMPTY
    return f"{_table(rated, called)}{SCALE}{_matrix(rated, called)}"


def _table(rated: Board, called: Titles) -> str:
    low = min(*(one.low for one in rated.ratings), CENTRE)
    width = max(*(one.high for one in rated.ratings), CENTRE) - low
    rows = []
    for rank, one in enumerate(rated.ratings, 1):
        left, right, middle = (100 * (value - low) / width for value in (one.low, one.high, one.rating))
        interval = (
            f'<span class="axis"><span class="range" style="left:{left:.1f}%;width:{right - left:.1f}%"></span>'
            f'<span class="point" style="left:{middle:.1f}%"></span></span>'
        )
        rows.append(
            f'<tr><td>{rank}</td><th scope="row">{html_text(target(one.target, called))}</th>'
            f'<td class="number"><b>{one.rating:.0f}</b> <span class="ends">{one.low:.0f} to {one.high:.0f}</span></td>'
            f'<td class="interval" aria-hidden="true">{interval}</td>'
            f'<td class="number">{one.votes:,}</td><td class="number">{one.wins:,}</td></tr>'
        )
    heads = ("", "model", "rating", "95 % interval", "votes", "wins")
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    return (
        f'<h2>{counted(rated.votes, "vote")}</h2><div class="wide">'
        f'<table class="ratings"><tr>{head}</tr>{"".join(rows)}</table></div>'
    )


def _matrix(rated: Board, called: Titles) -> str:
    """How often the model of the row was better than that of the column."""
    names = [one.target for one in rated.ratings][:MAX_MATRIX_MODELS]
    head = "".join(
        f'<th scope="col" title="{html_text(target(name, called))}">{at}</th>' for at, name in enumerate(names, 1)
    )
    rows = []
    for at, name in enumerate(names, 1):
        cells = "".join(_cell(rated, name, other) for other in names)
        rows.append(f'<tr><th scope="row">{at} {html_text(target(name, called))}</th>{cells}</tr>')
    return (
        '<h2>Who was better than whom</h2><p class="scale">Share of the comparisons of both in which the model of the '
        "row was better than that of the column; a tie is half.</p>"
        f'<div class="wide"><table class="matrix"><tr><td></td>{head}</tr>{"".join(rows)}</table></div>'
    )


def _cell(rated: Board, one: str, other: str) -> str:
    games = rated.games.get((one, other), 0)
    if not games:
        return '<td class="none">–</td>' if one != other else '<td class="self"></td>'
    share = rated.wins[one, other] / games
    return f'<td style="--share:{share:.2f}">{100 * share:.0f} %<small>{counted(games, "game")}</small></td>'
