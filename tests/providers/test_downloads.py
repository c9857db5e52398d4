"""The downloads of offered models: one for everybody, stopped, continued, damaged, and what is told before one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.providers.llamacpp.download import check_disk, download, download_target
from llm_hub.providers.llamacpp.downloads import Downloads, Progress
from llm_hub.providers.llamacpp.model_file import ModelFile
from llm_hub.providers.llamacpp.offered_models import OFFERED_MODELS, OfferedModel
from tests.providers.hugging_face import HuggingFace, serving

CONTENT = bytes(range(256)) * 40_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
REVISION = "5" * 40


def offered(*, size: int = len(CONTENT), context_bytes: int = 1) -> OfferedModel:
    file = ModelFile("Better-Q4_K_M.gguf", repo="org/Better-GGUF", revision=REVISION, size=size, sha256=SHA256)
    return OfferedModel("Better", "Org", "Apache-2.0", file, context_bytes)


BETTER = offered()


def downloads_from(hub: HuggingFace, directory: Path) -> Downloads:
    return Downloads([BETTER], directory=directory, endpoint=hub.url)


def finish(downloads: Downloads) -> None:
    """Waits for the end of the download."""
    if running := downloads._running.get(BETTER.id):
        assert running.ended.wait(100)


def part_in(directory: Path) -> Path:
    target = download_target(BETTER.file, directory)
    target.parent.mkdir(parents=True)
    return target.with_name(f"{target.name}.{SHA256[:16]}.part")


def test_two_who_want_the_same_model_download_it_once(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, hold_at=500_000)) as hub:
        downloads = downloads_from(hub, tmp_path)
        assert downloads.path(BETTER) is None
        downloads.start(BETTER)
        downloads.start(BETTER)
        assert downloads.progress(BETTER) is not None
        hub.go.set()
        finish(downloads)
        downloads.start(BETTER)
        path = downloads.path(BETTER)
        assert path is not None
        assert path.read_bytes() == CONTENT
        assert (downloads.progress(BETTER), downloads.failure(BETTER)) == (None, None)
        assert hub.ranges == [None]
        assert hub.revisions == {REVISION}


def test_a_stopped_download_keeps_what_has_come_and_goes_on_there(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, hold_at=500_000)) as hub:
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        assert hub.held.wait(100)
        downloads.stop(BETTER)
        assert downloads.progress(BETTER) is None
        hub.go.set()
        finish(downloads)
        assert downloads.failure(BETTER) is None
        received = downloads.received(BETTER)
        assert 0 < received < len(CONTENT)
        downloads.start(BETTER)
        finish(downloads)
        assert hub.ranges == [None, f"bytes={received}-"]
        assert downloads.path(BETTER)


def test_a_download_that_is_begun_again_waits_for_the_end_of_the_stopped_one(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, hold_at=500_000)) as hub:
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        assert hub.held.wait(100)
        downloads.stop(BETTER)
        downloads.start(BETTER)
        hub.go.set()
        finish(downloads)
        path = downloads.path(BETTER)
        assert path is not None
        assert path.read_bytes() == CONTENT


def test_a_damaged_download_is_deleted_and_the_next_one_begins_anew(tmp_path: Path) -> None:
    with serving(HuggingFace(bytes(len(CONTENT)), etag=SHA256)) as hub:
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        finish(downloads)
        assert "Better was damaged on its way, and is deleted. Try again." in str(downloads.failure(BETTER))
        assert downloads.received(BETTER) == 0
        assert downloads.path(BETTER) is None
        hub.content = CONTENT
        downloads.start(BETTER)
        assert downloads.failure(BETTER) is None
        finish(downloads)
        assert downloads.path(BETTER)
        assert hub.ranges == [None, None]


@pytest.mark.parametrize(
    "hub",
    [HuggingFace(CONTENT + b"more", etag=SHA256), HuggingFace(CONTENT, etag="0" * 64)],
    ids=["another size", "another hash"],
)
def test_another_file_than_the_chosen_one_is_not_even_begun(tmp_path: Path, hub: HuggingFace) -> None:
    with serving(hub):
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        finish(downloads)
        assert "Hugging Face has another Better than the one that was chosen" in str(downloads.failure(BETTER))
        assert hub.ranges == []


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "Hugging Face has no Better, or it is not public"), (503, "Better could not be downloaded. Try again")],
)
def test_a_hub_that_has_not_got_the_file_is_told_with_its_name(tmp_path: Path, status: int, words: str) -> None:
    with serving(HuggingFace(CONTENT, status=status)) as hub:
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        finish(downloads)
        assert words in str(downloads.failure(BETTER))


def test_without_a_network_the_error_says_that_it_goes_on_later(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT)) as hub:
        pass
    downloads = downloads_from(hub, tmp_path)
    downloads.start(BETTER)
    finish(downloads)
    failure = str(downloads.failure(BETTER))
    assert failure == "Better could not be downloaded. Try again with a network: it goes on where it stopped."


def test_a_disk_without_room_is_told_before_anything_is_downloaded(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no room for Better: it takes another 1000000000\.0 GB.*HF_HOME"):
        check_disk(BETTER.file, tmp_path / "not" / "made yet", 10**18)
    negligible = offered(size=10**18, context_bytes=-(10**15))  # so that its memory is no problem
    with serving(HuggingFace(CONTENT)) as hub, pytest.raises(ConfigurationError, match="no room for Better"):
        downloads_from(hub, tmp_path).start(negligible)
    assert hub.ranges == []


def test_a_file_that_is_larger_than_the_disk_is_not_begun(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, claims=10**18)) as hub:
        file = ModelFile("Better-Q4_K_M.gguf", repo="org/Better-GGUF")
        with pytest.raises(ConfigurationError, match="no room for Better"):
            download(
                file, directory=tmp_path, endpoint=hub.url, token=None,
                report=lambda _received, _size: None, is_wanted=lambda: True,
            )  # fmt: skip
    assert hub.ranges == []


def test_a_disk_that_fills_up_is_told_and_what_has_come_stays(tmp_path: Path) -> None:
    part_in(tmp_path).symlink_to("/dev/full")
    with serving(HuggingFace(CONTENT)) as hub:
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        finish(downloads)
        failure = str(downloads.failure(BETTER))
        assert "No space left on device. Free some of it" in failure
        assert failure.endswith("The download then goes on where it stopped.")
        assert part_in_is_kept(tmp_path)


def part_in_is_kept(directory: Path) -> bool:
    return any(path.is_symlink() for path in directory.rglob("*.part"))


def test_too_little_memory_is_told_before(tmp_path: Path) -> None:
    downloads = Downloads([BETTER], directory=tmp_path)
    with pytest.raises(ConfigurationError, match=r"Better needs \d+\.\d GB of memory, and this machine has .*smaller"):
        downloads.start(offered(context_bytes=10**12))
    with pytest.raises(Exception, match=r"Better needs .* GB of memory, and .* are free now\. Close other programs"):
        downloads.check_memory(offered(context_bytes=10**12))
    downloads.check_memory(BETTER)


def test_whoever_asks_a_model_that_is_not_here_is_told_what_to_do_or_how_far_it_is(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT, hold_at=len(CONTENT) // 2)) as hub:
        downloads = downloads_from(hub, tmp_path)
        refusal = downloads.refusal(BETTER)
        assert str(refusal) == (
            "Better is still to be downloaded. Download it on the Chat tab (0.0 GB, once), or choose another model."
        )
        assert refusal.retry_after is None
        downloads.start(BETTER)
        refusal = downloads.refusal(BETTER)
        assert refusal.message.startswith("Better is being downloaded: ")
        assert refusal.message.endswith(" of 10 MB.")
        assert refusal.retry_after is not None
        assert 1 <= refusal.retry_after <= 60
        hub.go.set()
        finish(downloads)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(0, 1_107_409_472), "0 of 1107 MB"),
        (Progress(340_000_000, 1_107_409_472, 125.0), "340 of 1107 MB, 2 min left"),
        (Progress(1_100_000_000, 1_107_409_472, 0.2), "1100 of 1107 MB, 1 s left"),
    ],
)
def test_progress_is_told_in_megabytes_with_the_time_left(progress: Progress, words: str) -> None:
    assert str(progress) == words


def test_a_file_that_was_damaged_on_the_disk_is_deleted(tmp_path: Path) -> None:
    with serving(HuggingFace(CONTENT)) as hub:
        downloads = downloads_from(hub, tmp_path)
        downloads.start(BETTER)
        finish(downloads)
        assert not downloads.discard_damaged(BETTER)
        path = downloads.path(BETTER)
        assert path is not None
        path.write_bytes(CONTENT[:-1] + b"?")
        assert downloads.discard_damaged(BETTER)
        assert downloads.path(BETTER) is None


@pytest.mark.parametrize("model", OFFERED_MODELS, ids=lambda model: str(model.id))
def test_an_offer_says_what_a_model_takes(model: OfferedModel) -> None:
    assert model.offer.startswith(f"{model.id} (download {model.file.size / 1e9:.1f} GB, Apache-2.0, needs ")
    assert model.file.size < model.memory < 2 * model.file.size + 10**9
    assert (len(model.file.sha256), len(model.file.revision)) == (64, 40)
