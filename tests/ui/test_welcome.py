"""The examples on the empty page."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from llm_hub.gateway.gateway import Gateway
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.ui.chat.welcome import render_welcome
from llm_hub.ui.compare.compare_tab import first_choices
from llm_hub.ui.texts.chat_texts import EXAMPLE_PROMPT

if TYPE_CHECKING:
    from pathlib import Path


async def read_examples(settings: Settings) -> list[dict[str, str]]:
    """What the link of each example asks for."""
    hub = Hub(settings)
    try:
        links = re.findall(r'<a href="(.*?)">', render_welcome(Gateway(hub).common_session))
    finally:
        await hub.aclose()
    queries = [parse_qs(urlsplit(unescape(link)).query) for link in links]
    return [{name: value[0] for name, value in query.items()} for query in queries]


async def test_the_examples_are_for_the_providers_of_the_route() -> None:
    asked, compared = await read_examples(Settings(route=("ollama/a", "local/b")))
    assert asked == {"prompt": EXAMPLE_PROMPT}
    assert compared == {"models": "ollama/a,local/b", "prompt": EXAMPLE_PROMPT}


async def test_a_fallback_is_shown_where_a_provider_fails_on_purpose() -> None:
    *_, fallback = await read_examples(Settings(route=("chaos", "ollama/a"), chaos=True))
    assert fallback == {"model": "chaos/overloaded", "fallback": "ollama/a", "prompt": EXAMPLE_PROMPT}


@pytest.mark.parametrize(
    ("setting", "names"),
    [
        ("", ["local", "local"]),
        ("OLLAMA_BASE_URL=http://127.0.0.1:1", ["ollama", "local"]),
        ("LLM_HUB_ROUTE=ollama/a", ["local", "ollama"]),
    ],
)
async def test_a_comparison_begins_with_servers_that_the_settings_name(
    setting: str, names: list[str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(setting)
    hub = Hub(Settings.load(tmp_path / ".env"))
    try:
        assert [state.name for state in first_choices(Gateway(hub).common_session)[:2]] == names
    finally:
        await hub.aclose()
