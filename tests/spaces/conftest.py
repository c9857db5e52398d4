"""A Space without Hugging Face: its files, its environment, and the page that shows it in a frame."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.ui.site import ROOT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ENVIRONMENT = {
    "SYSTEM": "spaces",
    "SPACE_ID": "someone/llm-hub",
    "SPACE_HOST": "someone-llm-hub.hf.space",
    "SPACE_AUTHOR_NAME": "someone",
    "SPACE_REPO_NAME": "llm-hub",
    "SPACE_TITLE": "LLM Hub",
    "GRADIO_SERVER_NAME": "0.0.0.0",
    "GRADIO_SERVER_PORT": "7860",
    "GRADIO_SSR_MODE": "True",
    "GRADIO_ALLOW_FLAGGING": "never",
    "PYTHONUNBUFFERED": "1",
}
"""What the platform sets."""


def copy(folder: Path) -> Path:
    """The files that a push to a Space would bring there, and nothing else."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no git repository: which files a Space gets is not known")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy(tmp_path_factory.mktemp("space") / "app")


@pytest.fixture(scope="package")
def space(files: Path) -> Iterator[Site]:
    """A running Space whose visitors can watch a fallback without any key."""
    log = files.parent / "log"
    with Site(log, ENVIRONMENT | {"HOME": str(files.parent), "LLM_HUB_CHAOS": "1"}, folder=files) as site:
        yield site
    assert "Traceback" not in log.read_text()
