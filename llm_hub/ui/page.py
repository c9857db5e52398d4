"""The page: header, theme, style and its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.ui.chat.chat_tab import chat_tab
from llm_hub.ui.compare.compare_tab import compare_tab
from llm_hub.ui.keys_tab import keys_tab
from llm_hub.ui.leaderboard_tab import leaderboard_tab
from llm_hub.ui.status.status_tab import status_tab
from llm_hub.ui.streaming.coalescer import Coalescer
from llm_hub.ui.theme import theme
from llm_hub.ui.usage_tab import usage_tab

if TYPE_CHECKING:
    from llm_hub.arena.votes import Votes
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.usage.ledger import Ledger


ASSETS = Path(__file__).parent / "assets"

STYLES = ("base.css", "conversation.css", "chat.css", "compare.css", "leaderboard.css", "status.css", "usage.css",
    "keys.css")  # fmt: skip

SCRIPTS = ("tab_secret.js", "page.js", "chat.js", "source.js", "gradio_fixes.js")

HEADER = """<header><h1>LLM Hub</h1><p>One chat for every model. It shows who answered.</p></header>"""


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and what the server needs to mount it."""

    blocks: gr.Blocks
    theme: gr.themes.Base
    css: str
    head: str
    coalescer: Coalescer


def build(gateway: Gateway, votes: Votes, ledger: Ledger | None = None) -> Page:
    """Builds the page. Each visitor sees the hub as their keys allow.

    A tab is one function, imported above and called below; its CSS file is a row of `STYLES`. With a `ledger` there is
    a Usage tab.
    """
    coalescer = Coalescer()
    with gr.Blocks(
        title="LLM Hub", analytics_enabled=False, delete_cache=(3600, 86400), fill_height=True, fill_width=True
    ) as blocks:
        gr.HTML(HEADER, elem_id="header")
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab("Chat", id="chat"):
                chat, lists = chat_tab(gateway, coalescer, blocks)
            with gr.Tab("Compare", id="compare") as compare:
                panes = compare_tab(gateway, coalescer, votes, page=blocks, tabs=tabs, tab=compare, chat=chat)
            with gr.Tab("Leaderboard", id="leaderboard") as leaderboard:
                leaderboard_tab(gateway.common_session, votes, leaderboard)
            with gr.Tab("Status", id="status"):
                status_tab(gateway, tabs)
            if ledger is not None:
                with gr.Tab("Usage", id="usage") as usage:
                    usage_tab(gateway.common_session, ledger, usage)
            with gr.Tab("Keys", id="keys"):
                lists.follow(keys_tab(gateway, blocks, (chat.providers, *panes)).then)
    return Page(
        blocks=blocks,
        theme=theme(),
        css="".join((ASSETS / style).read_text(encoding="utf-8") for style in STYLES),
        head="".join(f"<script>{(ASSETS / script).read_text(encoding='utf-8')}</script>" for script in SCRIPTS)
        + f'<style media="print">{(ASSETS / "print.css").read_text(encoding="utf-8")}</style>',
        coalescer=coalescer,
    )
