"""Clients that are not this project's dependencies: fetched for the test where that can be done, and left out else.

Python's come with uv from the package index, JavaScript's with npm. None is needed on anybody's machine.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.fault_server import answer_text
from tests.ui.site import Site

LLM = "llm>=0.36,<0.37"
VERCEL = (
    "ai@7.0.173",
    "@ai-sdk/openai-compatible@3.0.92",
    "@ai-sdk/anthropic@4.0.105",
    "@ai-sdk/openai@3.0.141",
    "zod@4",
)
VENDORS_SDKS = ("openai@7.59.0", "@anthropic-ai/sdk@1.14.0")
SLOW_TO_INSTALL = ("litellm", "llama-index", "dspy")
"""The packages that take most of a minute to install: only tests/clients/run does."""
LIBRARIES = {
    "pydantic-ai-slim[openai]>=2.68,<2.69": """
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
model = OpenAIChatModel("auto", provider=OpenAIProvider(base_url=URL, api_key="any"))
print(Agent(model).run_sync("Hello").output)
""",
    "litellm>=1.110,<1.111": """
from litellm import completion
chunks = completion("openai/auto", [{"role": "user", "content": "Hello"}], api_base=URL, api_key="any", stream=True)
print("".join(chunk.choices[0].delta.content or "" for chunk in chunks))
""",
    "instructor>=1.17,<1.18": """
import instructor
from openai import OpenAI
from pydantic import BaseModel
class Verdict(BaseModel):
    why: str
client = instructor.from_openai(OpenAI(base_url=URL, api_key="any"))
messages = [{"role": "user", "content": "Hello"}]
assert client.chat.completions.create(model="openai/ok?calls=1", messages=messages, response_model=Verdict).why
print(ANSWER)
""",
    "dspy>=3.4,<3.5": """
import dspy
print(dspy.LM("openai/auto", api_base=URL, api_key="any")("Hello")[0])
""",
    "llama-index-llms-openai-like>=0.8,<0.9": """
from llama_index.llms.openai_like import OpenAILike
model = OpenAILike(model="auto", api_base=URL, api_key="any", is_chat_model=True)
print("".join(piece.delta for piece in model.stream_complete("Hello")))
""",
}
"""Libraries of Python, and what each is asked."""
MACHINE = {name: value for name, value in os.environ.items() if name != "UV_COMPILE_BYTECODE"}
"""How this machine reaches the package index: no test sees its proxies and certificates."""


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


def run_python(code: str, package: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the program with that package and none of this project's. Skips the test where it cannot be fetched."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    python = folder / "venv" / "bin" / "python"
    base = Path(sys.base_prefix) / "bin" / "python3"
    for words in (["venv", "--python", base, folder / "venv"], ["pip", "install", "--python", python, package]):
        fetched = run([uv, *map(str, words)], folder, **MACHINE, UV_COMPILE_BYTECODE="0")
        if fetched.returncode:
            pytest.skip(f"{package} cannot be fetched: {fetched.stderr[:200]}")
    return run([str(python), "-c", code], folder)


def fetched_command(package: str, program: str) -> list[str]:
    """How a program of a package is called; the test is skipped where it cannot be fetched."""
    uvx = shutil.which("uvx")
    if uvx is None:
        pytest.skip("uvx is not installed")
    command = [uvx, "--quiet", "--from", package, program]
    fetched = run([*command, "--version"], Path.cwd())
    if fetched.returncode:
        pytest.skip(f"{program} cannot be fetched: {fetched.stderr[:200]}")
    return command


@pytest.fixture(scope="session")
def llm() -> list[str]:
    """The command `llm`."""
    return fetched_command(LLM, "llm")


def run_node(program: str, packages: Sequence[str], folder: Path, url: str) -> Any:
    """What a program of this folder prints that has those packages. Skips the test where they cannot be fetched."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    (folder / "package.json").write_text(json.dumps({"type": "module", "private": True}))
    options = ("--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0")
    fetched = run([npm, "install", *options, *packages], folder)
    if fetched.returncode:
        pytest.skip(f"{packages[0]} cannot be fetched: {fetched.stderr[:200]}")
    shutil.copy(Path(__file__).with_name(program), folder)
    ran = run(["node", program, url], folder)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


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


@pytest.mark.parametrize(
    "package",
    [
        pytest.param(package, marks=[pytest.mark.survival] if package.startswith(SLOW_TO_INSTALL) else [])
        for package in LIBRARIES
    ],
)
def test_a_library_of_python_gets_an_answer(site: Site, package: str, tmp_path: Path) -> None:
    names = f"URL, ANSWER = {f'{site.url}/v1'!r}, {answer_text()!r}"
    ran = run_python(f"{names}\n{LIBRARIES[package]}", package, tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert answer_text() in ran.stdout


def test_vercels_sdk_gets_answers(site: Site, tmp_path: Path) -> None:
    results = run_node("vercel.mjs", VERCEL, tmp_path, site.url)
    assert set(results) == {"openai", "responses", "anthropic"}
    for result in results.values():
        assert result["text"]
        assert result["streamed"] == result["text"]
        assert (result["called"], result["afterwards"] != "") == (["weather", "weather"], True)
        assert result["object"]["good"] is True
        assert result["status"] == 404


def test_the_vendors_sdks_for_javascript_get_answers(site: Site, tmp_path: Path) -> None:
    results = run_node("vendors_sdks.mjs", VENDORS_SDKS, tmp_path, site.url)
    assert set(results) == {"openai", "anthropic"}
    for result in results.values():
        assert result["text"] == result["streamed"] == answer_text()
        assert (result["called"], result["afterwards"] != "") == (2, True)
        assert result["status"] == 404
    assert results["openai"]["response"] == answer_text()
    assert results["openai"]["vector"] == [4.0, 0.5]
    assert results["anthropic"]["tokens"] > 0


def test_gradios_chat_gets_answers(site: Site, tmp_path: Path) -> None:
    code = """
import gradio, sys
for streaming in (False, True):
    chat = gradio.load_chat(sys.argv[1], model="auto", token="any", streaming=streaming)
    answer = chat.fn("Hello", [])
    print(list(answer)[-1] if streaming else answer)
"""
    ran = run([sys.executable, "-c", code, f"{site.url}/v1"], tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == [answer_text()] * 2
