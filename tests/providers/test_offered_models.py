"""Offered models once they are here, and before: for real, with the packaged model's file in the place of theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_hub.chat import Done, TextDelta, Waiting
from llm_hub.errors import NotConfigured
from llm_hub.providers.chaos import ChaosProvider
from llm_hub.providers.llamacpp.downloads import Downloads
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
from llm_hub.router import LLMRouter, Target
from tests.providers.embedded import MODEL, STORY, SUM, answer, collect, first, question, response
from tests.providers.hugging_face import HuggingFace, serving
from tests.ui.offered_model import BETTER, content, stand_in


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[LlamaCppProvider]:
    """A provider with one offered model, which is still to be downloaded."""
    with serving(HuggingFace(content())) as hub:
        downloads = Downloads([stand_in()], directory=tmp_path, endpoint=hub.url)
        provider = LlamaCppProvider(context=512, parallel=2, downloads=downloads)
        yield provider
        await provider.aclose()


def fetch(provider: LlamaCppProvider) -> Path:
    """Downloads the offered model. Returns where it is."""
    downloads = provider._downloads
    assert downloads is not None
    downloads.start(downloads.models[0])
    running = downloads._running.get(BETTER)
    assert running is None or running.ended.wait(100)
    path = downloads.path(downloads.models[0])
    assert path is not None
    return path


async def test_a_model_that_is_not_here_is_refused_and_not_listed(provider: LlamaCppProvider) -> None:
    assert [model.id for model in await provider.models()] == [MODEL]
    with pytest.raises(NotConfigured, match=f"{BETTER} is still to be downloaded. Download it") as caught:
        await answer(provider, question("Hi", model=BETTER))
    assert (caught.value.provider, caught.value.model, caught.value.falls_back) == ("local", BETTER, True)


async def test_a_route_goes_on_where_a_model_is_not_here(
    provider: LlamaCppProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ChaosProvider, "pace", 0)
    router = LLMRouter(Target(provider, BETTER), [Target(ChaosProvider(), "steady")])
    answered = response(await collect(router.events(question("Hi", model=BETTER))))
    assert [attempt.outcome for attempt in answered.attempts] == ["not_configured", "answered"]
    assert "is still to be downloaded" in answered.attempts[0].reason


@pytest.mark.heavy
async def test_a_downloaded_model_is_listed_and_answers(provider: LlamaCppProvider) -> None:
    fetch(provider)
    assert [model.id for model in await provider.models()] == [MODEL, BETTER]
    answered = await answer(provider, question("What is 2+2?", model=BETTER))
    assert (answered.content, answered.model) == (SUM, BETTER)


@pytest.mark.heavy
async def test_loading_another_model_waits_for_the_running_answer_and_frees_the_first_and_back(
    provider: LlamaCppProvider,
) -> None:
    fetch(provider)
    running = provider.events(question(STORY, max_tokens=40))
    await first(TextDelta, running)
    engine = provider._memory.engine
    assert engine is not None
    other = provider.events(question("What is 2+2?", model=BETTER))
    assert await anext(other) == Waiting(f"Waiting until {MODEL} has answered …")
    both = asyncio.gather(collect(running), collect(other))
    whole, second = await both
    assert response(whole).usage["completion_tokens"] == 40
    assert response(second).content == SUM
    better = provider._memory.engine
    assert better is not None
    assert (engine._server, better._server is None) == (None, False)
    assert (await answer(provider, question("What is 2+2?"))).content == SUM
    assert better._server is None


@pytest.mark.heavy
async def test_a_file_that_was_damaged_on_the_disk_is_deleted_when_it_cannot_be_loaded(
    provider: LlamaCppProvider,
) -> None:
    path = fetch(provider)
    path.write_bytes(content()[:2_000_000])
    with pytest.raises(NotConfigured, match=f"The file of {BETTER} was damaged, and is deleted. Download it once more"):
        await answer(provider, question("Hi", model=BETTER))
    assert not path.exists()
    answered = [event async for event in provider.events(question("What is 2+2?"))][-1]
    assert isinstance(answered, Done)


@pytest.mark.heavy
async def test_a_model_without_memory_to_load_it_is_refused_with_both_numbers(tmp_path: Path) -> None:
    downloads = Downloads([stand_in(context_bytes=10**9)], directory=tmp_path)
    provider = LlamaCppProvider(context=512, parallel=1, downloads=downloads)
    model = downloads.models[0]
    target = tmp_path / model.file.repo.replace("/", "--") / model.file.name
    target.parent.mkdir()
    target.write_bytes(content())
    with pytest.raises(NotConfigured, match=r"needs 8192\.3 GB of memory, and \d+\.\d are free now"):
        await answer(provider, question("Hi", model=BETTER))
    await provider.aclose()
