"""The download of a better embedded model on the Chat tab, without a browser: its handlers are called directly."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.access import configured_providers
from llm_hub.providers.llamacpp.offered_models import OfferedModel
from llm_hub.ui.chat.model_download import ModelDownload
from tests.providers.hugging_face import HuggingFace, serving
from tests.ui.offered_model import BETTER, content, stand_in
from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TINY = "SmolLM2-135M-Instruct"
OFFER = f"{BETTER} (download 0.1 GB, Apache-2.0, needs 0.5 GB of memory)"
NOT_HERE = f"{BETTER} is still to be downloaded, once: Apache-2.0, made by Qwen, needs 0.5 GB of memory."


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "huggingface"))
    offer(monkeypatch, stand_in())


def offer(monkeypatch: pytest.MonkeyPatch, model: OfferedModel) -> None:
    monkeypatch.setattr(configured_providers, "OFFERED_MODELS", (model,))


@asynccontextmanager
async def page_of(folder: Path, hub: HuggingFace, **environment: str) -> AsyncIterator[PageCalls]:
    async with page_calls(folder, {"HF_ENDPOINT": hub.url, **environment}) as page:
        yield page


async def choose(tab: TabCalls, model: str = BETTER) -> None:
    await tab.use("chat-model", "change", model)


async def tick(tab: TabCalls) -> None:
    """A second has passed."""
    for function in tab._blocks.fns.values():
        if function.name == "follow":
            await tab._call(function)


async def until_it_ends(tab: TabCalls) -> None:
    """Waits for the end of the download that the tab shows, and shows that."""
    downloads = downloads_of(tab)
    if running := downloads._running.get(BETTER):
        assert running.ended.wait(100)
    await tick(tab)


def downloads_of(tab: TabCalls) -> Any:
    """The hub's downloads, as the handlers of the tab see them."""
    bound = (getattr(function.fn, "__self__", None) for function in tab._blocks.fns.values())
    (handlers,) = {each for each in bound if isinstance(each, ModelDownload)}
    return handlers._screen.session.downloads


def buttons(tab: TabCalls) -> list[str]:
    """What can be pressed."""
    shown = [str(tab.value("chat-download-start"))] if tab.visible("chat-download-start") else []
    return [*shown, *(["Stop"] if tab.visible("chat-download-stop") else [])]


async def test_the_page_says_that_the_packaged_model_is_small_and_lists_better_ones(tmp_path: Path) -> None:
    with serving(HuggingFace(content())) as hub:
        async with page_of(tmp_path, hub) as page:
            tab = page.open()
            assert tab.text("chat-download") == (
                f"{TINY} is small, quick and often wrong. Far better: the others in this list, after one download."
            )
            assert tab.choices("chat-model") == [(TINY, TINY), (OFFER, BETTER)]
            assert buttons(tab) == []


async def test_a_chosen_model_is_downloaded_with_a_button_and_is_then_in_every_list(tmp_path: Path) -> None:
    with serving(HuggingFace(content(), hold_at=len(content()) // 3)) as hub:
        async with page_of(tmp_path, hub) as page:
            tab, other = page.open(), page.open()
            await tab.use("chat-provider", "input", "local")  # its list of models is kept from now on
            await choose(tab)
            assert tab.text("chat-download").startswith(NOT_HERE)
            assert buttons(tab) == ["Download 0.1 GB"]
            assert hub.ranges == [], "choosing it downloads nothing"
            await tab.click("chat-download-start")
            await choose(other)
            assert other.text("chat-download").startswith(f"Downloading {BETTER}: ")
            assert hub.held.wait(100)
            await tick(tab)
            assert " of 98 MB" in tab.text("chat-download")
            assert buttons(tab) == buttons(other) == ["Stop"]
            await other.click("chat-download-start")
            hub.go.set()
            await until_it_ends(tab)
            assert tab.text("chat-download").startswith(f"{BETTER} is downloaded: ")
            assert buttons(tab) == []
            assert tab.choices("chat-model") == [(TINY, TINY), (BETTER, BETTER)]
            assert (f"Embedded · {BETTER}", f"local/{BETTER}") in tab.choices("chat-again")
            assert hub.ranges == [None]


async def test_what_is_asked_before_the_download_comes_back_into_its_box(tmp_path: Path) -> None:
    with serving(HuggingFace(content(), hold_at=1000)) as hub:
        async with page_of(tmp_path, hub) as page:
            tab = page.open()
            tab.choose(BETTER, provider="local")
            await tab.ask("Hello")
            assert tab.value("chat-prompt")["text"] == "Hello"
            assert tab.text("chat-hint").startswith(f"{BETTER} is still to be downloaded. Download it")
            assert tab.prompts("chat-log") == []
            await tab.click("chat-download-start")
            assert BETTER not in tab.text("chat-hint")
            await tab.ask("Hello")
            assert tab.text("chat-hint").startswith(f"{BETTER} is being downloaded: ")


async def test_a_stopped_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with serving(HuggingFace(content(), hold_at=len(content()) // 2)) as hub:
        async with page_of(tmp_path, hub) as page:
            tab = page.open()
            await choose(tab)
            await tab.click("chat-download-start")
            assert hub.held.wait(100)
            await tab.click("chat-download-stop")
            hub.go.set()
            await until_it_ends(tab)
            assert buttons(tab)[0].startswith("Go on with the download: ")
            await tab.click("chat-download-start")
            await until_it_ends(tab)
            assert tab.text("chat-download").startswith(f"{BETTER} is downloaded: ")
            assert (hub.ranges[1] or "").startswith("bytes=")


async def test_a_failed_download_says_why_and_can_be_tried_again(tmp_path: Path) -> None:
    with serving(HuggingFace(bytes(len(content())), etag=stand_in().file.sha256)) as hub:
        async with page_of(tmp_path, hub) as page:
            tab = page.open()
            await choose(tab)
            await tab.click("chat-download-start")
            await until_it_ends(tab)
            assert tab.text("chat-download") == f"{BETTER} was damaged on its way, and is deleted. Try again."
            assert buttons(tab) == ["Try again: 0.1 GB"]
            hub.content = content()
            await tab.click("chat-download-start")
            await until_it_ends(tab)
            assert tab.text("chat-download").startswith(f"{BETTER} is downloaded: ")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (stand_in(context_bytes=10**12), "GB of memory, and this machine has"),
        (stand_in(size=10**18, context_bytes=-(10**15)), "There is no room for"),
    ],
    ids=["memory", "disk"],
)
async def test_a_model_that_this_machine_has_no_room_for_says_so_and_has_no_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: OfferedModel, words: str
) -> None:
    offer(monkeypatch, model)
    with serving(HuggingFace(content())) as hub:
        async with page_of(tmp_path, hub) as page:
            tab = page.open()
            await choose(tab)
            assert words in tab.text("chat-download")
            assert buttons(tab) == []
            await tab.click("chat-download-start")
            assert words in tab.text("chat-download")
    assert hub.ranges == []


async def test_where_others_can_reach_the_page_nothing_is_offered_unless_the_settings_say_so(tmp_path: Path) -> None:
    with serving(HuggingFace(content(), hold_at=1000)) as hub:
        async with page_of(tmp_path, hub, LLM_HUB_HOST="0.0.0.0") as page:
            tab = page.open()
            assert tab.choices("chat-model") == [(TINY, TINY)]
            assert tab.text("chat-download").endswith("often wrong. Far better: other providers.")
            await choose(tab)
            await tab.click("chat-download-start")
            assert (tab.text("chat-download"), buttons(tab)) == ("", [])
            assert hub.ranges == []
        async with page_of(tmp_path, hub, LLM_HUB_HOST="0.0.0.0", LLM_HUB_LOCAL_DOWNLOADS="true") as page:
            tab = page.open()
            await choose(tab)
            await tab.click("chat-download-start")
            assert buttons(tab) == ["Stop"]
        async with page_of(tmp_path, hub, LLM_HUB_LOCAL_DOWNLOADS="false") as page:
            assert page.open().choices("chat-model") == [(TINY, TINY)]
