"""The page: header, theme, style and its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.ui.chat import chat_tab
from llm_hub.ui.coalesce import Coalescer
from llm_hub.ui.compare import Around, compare_tab
from llm_hub.ui.keys import keys_tab
from llm_hub.ui.leaderboard import leaderboard_tab
from llm_hub.ui.status import status_tab
from llm_hub.ui.usage import usage_tab

if TYPE_CHECKING:
    from llm_hub.arena.votes import Votes
    from llm_hub.ledger import Ledger
    from llm_hub.visitors import Visitors

HERE = Path(__file__).parent
STYLES = ("page.css", "route.css", "compare.css", "status.css", "keys.css", "usage.css")
SCRIPTS = ("tab.js", "page.js")
HEADER = """<header><h1>LLM Hub</h1><p>One chat for every model. It shows who answered.</p></header>"""
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
FIXED_FONTS = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "monospace")


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and what mounting it needs."""

    blocks: gr.Blocks
    theme: gr.themes.Base
    css: str
    head: str
    coalescer: Coalescer


def build(visitors: Visitors, votes: Votes, ledger: Ledger | None = None) -> Page:
    """The page: each visitor sees the hub as their keys allow. A tab is one file, imported above and called below.

    With a `ledger` it shows what everybody used.
    """
    coalescer = Coalescer()
    with gr.Blocks(
        title="LLM Hub", analytics_enabled=False, delete_cache=(3600, 86400), fill_height=True, fill_width=True
    ) as blocks:
        gr.HTML(HEADER, elem_id="header")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Chat", id="chat"):
                chat, lists = chat_tab(visitors, coalescer, blocks)
            with gr.Tab("Compare", id="compare") as compare:
                panes = compare_tab(visitors, coalescer, votes, Around(blocks, tabs, compare, chat))
            with gr.Tab("Leaderboard", id="leaderboard") as leaderboard:
                leaderboard_tab(visitors.anyone, votes, leaderboard)
            with gr.Tab("Status", id="status"):
                status_tab(visitors, tabs)
            if ledger is not None:
                with gr.Tab("Usage", id="usage") as usage:
                    usage_tab(visitors.anyone, ledger, usage)
            with gr.Tab("Keys", id="keys"):
                lists.follow(keys_tab(visitors, blocks, (chat.providers, *panes)).then)
    return Page(
        blocks=blocks,
        theme=_theme(),
        css="".join((HERE / style).read_text(encoding="utf-8") for style in STYLES),
        head="".join(f"<script>{(HERE / script).read_text(encoding='utf-8')}</script>" for script in SCRIPTS),
        coalescer=coalescer,
    )


def _theme() -> gr.themes.Base:
    """System fonts: nothing is fetched from anywhere, and a reader sees the letters of their own machine.

    Text on its ground has a contrast of 4.5 to 1, at least.
    """
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=FONTS,
        font_mono=FIXED_FONTS,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
    )
    return theme.set(
        color_accent="*primary_700",  # in the dark, page.css says
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
    )
