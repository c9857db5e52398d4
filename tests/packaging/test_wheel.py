"""The wheel, installed into an empty environment elsewhere: it holds all files, and serves the page from there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from llm_hub import __version__
from llm_hub.providers.llamacpp.model_file import DEFAULT_DOWNLOAD, find_model_file
from llm_hub.ui.page_assets import read_asset
from tests.providers.embedded import SUM
from tests.providers.hugging_face import HuggingFace, serving
from tests.ui.site import ROOT, free_port

pytestmark = pytest.mark.timeout(600)

PACKAGE = ROOT / "llm_hub"


def uv(*arguments: str | Path, folder: Path) -> None:
    """Runs uv. Where the package index cannot be reached, the test is skipped, but in CI."""
    program = shutil.which("uv")
    if program is None:
        pytest.skip("uv is not installed")
    ended = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode and not os.environ.get("CI") and re.search("Failed to fetch|error sending", ended.stderr):
        pytest.skip(f"the package index cannot be reached: {ended.stderr[:200]}")
    assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this folder."""
    dist = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--wheel", "--out-dir", dist, folder=ROOT)
    (wheel,) = dist.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel and what it needs, and without the packaged model."""
    folder = tmp_path_factory.mktemp("elsewhere")
    uv("venv", "--quiet", "env", folder=folder)
    constraints = ROOT / "constraints.txt"
    uv("pip", "install", "--quiet", "--python", "env", "--constraints", constraints, wheel, folder=folder)
    return folder / "env" / "bin"


def test_the_wheel_holds_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    files = (file for file in PACKAGE.rglob("*") if file.is_file() and file.suffix not in (".pyc", ".pyi"))
    expected = {str(file.relative_to(ROOT)) for file in files}
    assert len([name for name in expected if name.startswith("llm_hub/ui/assets/")]) > 5
    assert "llm_hub/py.typed" in expected
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_the_wheel_is_of_the_version_that_the_package_names(wheel: Path) -> None:
    assert wheel.name == f"llm_hub-{__version__}-py3-none-any.whl"


@pytest.mark.parametrize("command", [("llm-hub",), ("python", "-m", "llm_hub")], ids=["llm-hub", "python"])
def test_what_is_installed_tells_its_version(installed: Path, command: tuple[str, ...], tmp_path: Path) -> None:
    program, *arguments = command
    line: list[str | Path] = [installed / program, *arguments, "--version"]
    printed = subprocess.run(line, cwd=tmp_path, env={}, capture_output=True, text=True, check=True).stdout
    assert printed == f"llm-hub {__version__}\n"


def test_what_is_installed_serves_the_page_and_downloads_the_embedded_model_when_it_is_first_asked(
    installed: Path, tmp_path: Path
) -> None:
    model, port = find_model_file(None).path, free_port()
    assert model is not None
    body = {"model": "local", "temperature": 0, "messages": [{"role": "user", "content": "What is 2+2?"}]}
    with serving(HuggingFace(model.read_bytes())) as hub, (tmp_path / "log").open("wb") as log:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_ENDPOINT": hub.url}
        command: list[str | Path] = [installed / "llm-hub", "--port", str(port)]
        with (
            subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log) as server,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=300) as visitor,
        ):
            try:
                while not is_ready(visitor):
                    assert server.poll() is None, (tmp_path / "log").read_text()
                    time.sleep(0.1)
                page = visitor.get("/").text
                answer = visitor.post("/v1/chat", json=body)
            finally:
                server.terminate()
    assert "LLM Hub" in page
    for asset in (PACKAGE / "ui" / "assets").iterdir():
        assert any(part in page for part in distinctive_parts(asset)), f"{asset.name} is not on the page"
    assert answer.json()["content"] == SUM
    assert len(hub.ranges) == 1, answer.text + (tmp_path / "log").read_text()
    assert (
        tmp_path / ".cache/huggingface/llm-hub" / DEFAULT_DOWNLOAD.replace("/", "--", 1).replace(":", "/")
    ).is_file()


def is_ready(visitor: httpx.Client) -> bool:
    try:
        return bool(visitor.get("/health").json()["status"] == "ready")
    except httpx.TransportError:
        return False


def distinctive_parts(asset: Path) -> list[str]:
    """Parts of a file as they may stand on the page, which carries CSS and JavaScript as they are or in JSON."""
    return [part for part in re.split(r'[\n"\\{};]', read_asset(asset.name)) if len(part) > 20]
