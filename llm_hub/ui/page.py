"""The page: header, theme, style and its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.conversations.coalescer import Coalescer
from llm_hub.conversations.open_conversations import OpenConversations
from llm_hub.ui.chat.chat_tab import chat_tab
from llm_hub.ui.compare.compare_tab import compare_tab, opened_parts
from llm_hub.ui.conversation_list import conversation_list
from llm_hub.ui.keys_tab import key_link, keys_tab
from llm_hub.ui.leaderboard_tab import leaderboard_tab
from llm_hub.ui.page_assets import read_asset
from llm_hub.ui.runs.run_tab import run_tab
from llm_hub.ui.status.status_tab import status_tab
from llm_hub.ui.texts import page_texts as texts
from llm_hub.ui.theme import theme
from llm_hub.ui.usage_tab import usage_tab

if TYPE_CHECKING:
    from llm_hub.arena.votes import Votes
    from llm_hub.checkup.checkup_store import CheckupStore
    from llm_hub.conversations.open_conversations import Keeping
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.runs.open_runs import OpenRuns
    from llm_hub.usage.ledger import Ledger


STYLES = ("base.css", "conversation.css", "chat.css", "compare.css", "conversations.css")

LATER_STYLES = ("runs.css", "leaderboard.css", "status.css", "usage.css", "keys.css")
"""Of the tabs that are not in front when the page comes: they come with Gradio's own styles, and not in the page."""

HEAD_STYLES = {"print": "print.css", "(forced-colors: active)": "forced_colors.css"}
"""Styles by their medium. Gradio would change their selectors."""

SCRIPTS = ("tab_secret.js", "elements.js", "joined_updates.js", "gradio_fixes.js", "conversation_store.js", "drafts.js",
    "attachments.js", "model_settings.js", "page.js", "chat.js", "source.js", "kept_edits.js",
    "shortcuts.js")  # fmt: skip
"""What runs before Gradio does."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page, and what the server needs to mount it."""

    blocks: gr.Blocks
    theme: gr.themes.Base
    css: str
    later_css: str
    scripts: str
    coalescer: Coalescer


def build(
    gateway: Gateway,
    votes: Votes,
    ledger: Ledger | None = None,
    conversations: OpenConversations | None = None,
    runs: OpenRuns | None = None,
    *,
    checkups: CheckupStore | None = None,
) -> Page:
    """Builds the page. Each visitor sees the hub as their keys allow.

    A tab is one function, imported above and called below; its CSS file is a row of `LATER_STYLES`. With a `ledger`
    there is a Usage tab, with `runs` a Runs tab; `checkups` are shown on the Status tab.
    """
    coalescer = Coalescer()
    conversations = conversations or OpenConversations(keeping="off")
    with gr.Blocks(
        title=texts.TITLE, analytics_enabled=False, delete_cache=(3600, 86400), fill_height=True, fill_width=True
    ) as blocks:
        gr.HTML(texts.HEADER, elem_id="header")
        conversation_list(conversations.keeping)
        opened = opened_parts()
        link = key_link()
        with gr.Tabs(elem_id="tabs") as tabs:
            with gr.Tab(texts.CHAT, id="chat"):
                chat, lists = chat_tab(gateway, conversations, coalescer, blocks)
            with gr.Tab(texts.COMPARE, id="compare") as compare:
                panes = compare_tab(
                    gateway, conversations, coalescer, votes,
                    opened=opened, page=blocks, tabs=tabs, tab=compare, chat=chat,
                )  # fmt: skip
            if runs is not None:
                with gr.Tab(texts.RUNS, id="runs") as run:
                    run_tab(gateway, runs, run)
            with gr.Tab(texts.LEADERBOARD, id="leaderboard") as leaderboard:
                leaderboard_tab(gateway.common_session, votes, leaderboard)
            with gr.Tab(texts.STATUS, id="status"):
                status_tab(gateway, tabs, checkups)
            if ledger is not None:
                with gr.Tab(texts.USAGE, id="usage") as usage:
                    usage_tab(gateway.common_session, ledger, usage)
            with gr.Tab(texts.KEYS, id="keys"):
                lists.follow(
                    keys_tab(gateway, blocks, (chat.providers, *panes), lists.first_values, link=link, tabs=tabs).then
                )
    return Page(
        blocks=blocks,
        theme=theme(),
        css="".join(map(read_asset, STYLES)),
        later_css="".join(map(read_asset, LATER_STYLES)),
        scripts=_scripts(conversations.keeping),
        coalescer=coalescer,
    )


def _scripts(keeping: Keeping) -> str:
    begin = f'window.llmHub = {{ keeping: "{keeping}" }};'
    scripts = "".join(f"<script>{text}</script>" for text in (begin, *map(read_asset, SCRIPTS)))
    styles = "".join(f'<style media="{media}">{read_asset(name)}</style>' for media, name in HEAD_STYLES.items())
    return scripts + styles
