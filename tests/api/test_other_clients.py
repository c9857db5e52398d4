"""Clients that are not this project's dependencies: fetched for the test where that can be done, and left out else.

`llm` comes with uv from the package index, Vercel's AI SDK with npm. Neither is needed on anybody's machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ui.site import Site

LLM = "llm>=0.36,<0.37"
VERCEL = (
    "ai@7.0.173",
    "@ai-sdk/openai-compatible@3.0.92",
    "@ai-sdk/anthropic@4.0.105",
    "@ai-sdk/openai@3.0.141",
    "zod@4",
)
PROGRAM = Path(__file__).with_name("vercel.mjs")


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment_without_proxies = {
        name: value for name, value in os.environ.items() if not name.upper().endswith("_PROXY")
    }
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env=environment_without_proxies | environment,
    )


@pytest.fixture(scope="session")
def llm() -> list[str]:
    """The command `llm`."""
    uvx = shutil.which("uvx")
    if uvx is None:
        pytest.skip("uvx is not installed")
    command = [uvx, "--quiet", "--from", LLM, "llm"]
    fetched = run([*command, "--version"], Path.cwd())
    if fetched.returncode:
        pytest.skip(f"llm cannot be fetched: {fetched.stderr[:200]}")
    return command


@pytest.fixture(scope="session")
def vercel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Vercel's AI SDK."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    folder = tmp_path_factory.mktemp("vercel")
    (folder / "package.json").write_text(json.dumps({"type": "module", "private": True}))
    fetched = run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", *VERCEL], folder)
    if fetched.returncode:
        pytest.skip(f"the AI SDK cannot be fetched: {fetched.stderr[:200]}")
    shutil.copy(PROGRAM, folder)
    return folder


@pytest.mark.parametrize("options", [[], ["--no-stream"], ["--schema", "good bool, why"]])
def test_the_command_llm_gets_an_answer(site: Site, llm: list[str], tmp_path: Path, options: list[str]) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: hub\n  model_name: auto\n  api_base: {site.url}/v1\n  supports_schema: true\n"
    )
    ran = run([*llm, "-m", "hub", *options, "Hello"], tmp_path, LLM_USER_PATH=str(tmp_path), OPENAI_API_KEY="any")
    assert ran.returncode == 0, ran.stderr
    if "--schema" in options:
        assert json.loads(ran.stdout)["good"] is True
    else:
        assert ran.stdout.strip()


def test_vercels_sdk_gets_answers(site: Site, vercel: Path) -> None:
    ran = run(["node", PROGRAM.name, site.url], vercel)
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    assert set(results) == {"openai", "responses", "anthropic"}
    for result in results.values():
        assert result["text"]
        assert result["streamed"] == result["text"]
        assert (result["called"], result["afterwards"] != "") == (["weather", "weather"], True)
        assert result["object"]["good"] is True
        assert result["status"] == 404
