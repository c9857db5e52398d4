"""What a Space reads before anything runs: the head of the README, and what is to be installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from llm_hub.providers.llamacpp.model_file import DEFAULT_DOWNLOAD
from tests.ui.site import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PLATFORM = (ROOT / "tests/spaces/platform.txt").read_text()
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


@pytest.fixture(scope="module")
def head() -> dict[str, Any]:
    """The README's front matter, by the rules of YAML: it has to come first in the file."""
    before, text, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert before == ""
    head = yaml.safe_load(text)
    assert isinstance(head, dict)
    return head


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split(";")[0].split("==") for line in lines if line and not line.startswith("#"))
    return {name.strip(): version.strip() for name, version in pins}


def test_the_front_matter_says_what_the_platform_asks_for(head: dict[str, Any]) -> None:
    assert head["title"] == "LLM Hub"
    assert 0 < len(head["short_description"]) <= 60
    assert len(head["emoji"]) <= 2
    assert {head["colorFrom"], head["colorTo"]} <= COLOURS
    assert head["sdk"] == "gradio"
    assert (ROOT / head["app_file"]).is_file()
    assert head["license"] == PROJECT["license"].lower()
    assert head["suggested_hardware"] == "cpu-basic"
    assert len(head["tags"]) == len(set(head["tags"])) > 2


def test_the_sdk_is_the_gradio_that_the_tests_ran_with(head: dict[str, Any]) -> None:
    assert head["sdk_version"] == constraints()["gradio"]
    assert f"gradio[oauth,mcp]=={head['sdk_version']}\n" in PLATFORM


def test_python_is_a_version_and_no_number_and_the_one_of_zero_gpu(head: dict[str, Any]) -> None:
    assert head["python_version"] == "3.12.12"  # unquoted, 3.10 would be 3.1
    low, high = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert int(low) <= 12 < int(high)


def test_visitors_may_sign_in_to_pay_for_inference_and_for_nothing_else(head: dict[str, Any]) -> None:
    assert head["hf_oauth"] is True
    assert head["hf_oauth_scopes"] == ["inference-api"]


def test_the_embedded_model_is_there_when_a_space_starts(head: dict[str, Any]) -> None:
    assert head["preload_from_hub"] == [DEFAULT_DOWNLOAD.replace(":", " ")]


def test_a_space_installs_what_the_project_needs_and_leaves_gradio_to_the_platform() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert listed == {line for line in PROJECT["dependencies"] if not line.startswith("gradio")}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_what_a_space_installs_resolves_beside_the_platforms_own_packages(python: str, tmp_path: Path) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    requirements = (ROOT / "requirements.txt").read_text() + PLATFORM
    command = [uv, "pip", "compile", "--quiet", "--no-progress", "--python-version", python, "-"]
    resolved = subprocess.run(
        command, cwd=tmp_path, input=requirements, capture_output=True, text=True, timeout=100, check=False
    )  # elsewhere, since a Space knows nothing of what pyproject.toml tells uv
    if resolved.returncode and "No solution found" not in resolved.stderr and not os.environ.get("CI"):
        pytest.skip(f"the package index cannot be reached: {resolved.stderr[:200]}")
    assert resolved.returncode == 0, resolved.stderr
    assert re.search(r"^pydantic==2\.12\.5$", resolved.stdout, re.MULTILINE)
    assert re.search(r"^spaces==", resolved.stdout, re.MULTILINE)
    built = {line.partition("==")[0] for line in resolved.stdout.splitlines() if "==" in line}
    assert built.isdisjoint({"llama-cpp-python", "llm", "torch"})  # they would be compiled, or fill the disk
