"""What the project says of itself is true: the documented settings, the Space's files, the cost of an import."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from llm_hub.factory import ROWS
from llm_hub.settings import Settings

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()


def every_setting() -> set[str]:
    return {name for row in ROWS.values() for name in (*row.key, *row.url)} | set(Settings.names())


def front_matter() -> dict[str, str]:
    _, head, _ = README.split("---\n", 2)
    lines = (line.split(":", 1) for line in head.splitlines() if not line.startswith((" ", "-")))
    return {name: value.strip() for name, value in lines}


def test_the_example_file_lists_every_setting_once() -> None:
    listed = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(every_setting())


def test_the_example_file_is_read_without_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in every_setting():
        monkeypatch.delenv(name, raising=False)
    assert Settings.load(ROOT / ".env.example").model_dump() == Settings().model_dump()


def test_the_readme_lists_every_setting() -> None:
    table = README.split("## Settings", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"`([A-Z][A-Z_]+)`", table)) == every_setting()


def test_the_readme_lists_every_provider() -> None:
    table = README.split("## Providers", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `([a-z]+)`", table, re.MULTILINE)) == set(ROWS)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]+)", README)
    assert len(links) > 5
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def test_the_spaces_front_matter_comes_first_and_fits() -> None:
    head = front_matter()
    assert README.startswith("---\n")
    assert {"title", "emoji", "colorFrom", "colorTo", "sdk", "app_file", "license", "tags"} <= head.keys()
    assert len(head["short_description"]) <= 60
    assert head["sdk"] == "gradio"
    assert (ROOT / head["app_file"]).is_file()
    assert head["python_version"].startswith('"')
    assert head["sdk_version"] == _constrained()["gradio"]


def _constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split(";")[0].split("==") for line in lines if line and not line.startswith("#"))
    return {name.strip(): version.strip() for name, version in pins}


def test_a_space_installs_what_the_project_needs_and_leaves_gradio_to_the_platform() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = {line for line in lines if not line.startswith("#")}
    assert listed == {line for line in PROJECT["project"]["dependencies"] if not line.startswith("gradio")}


def test_every_dependency_has_an_upper_bound() -> None:
    groups = PROJECT["dependency-groups"].values()
    for line in [*PROJECT["project"]["dependencies"], *(line for group in groups for line in group)]:
        assert ",<" in line, f"{line} has no upper bound"


def test_the_constraints_name_versions_and_no_hosts() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert {line.split(">=")[0].split("[")[0] for line in PROJECT["project"]["dependencies"]} <= _constrained().keys()


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_what_a_space_installs_resolves_beside_the_platforms_own_packages(python: str) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    platform = f"gradio[oauth,mcp]=={front_matter()['sdk_version']}\npydantic<=2.12.5\n"
    wanted = (ROOT / "requirements.txt").read_text() + platform
    command = [uv, "pip", "compile", "--quiet", "--no-progress", "--python-version", python, "-"]
    resolved = subprocess.run(command, input=wanted, capture_output=True, text=True, timeout=100, check=False)
    if resolved.returncode and "No solution found" not in resolved.stderr and not os.environ.get("CI"):
        pytest.skip(f"the package index cannot be reached: {resolved.stderr[:200]}")
    assert resolved.returncode == 0, resolved.stderr
    assert re.search(r"^pydantic==2\.12\.", resolved.stdout, re.MULTILINE)


def test_importing_the_package_loads_no_sdk_no_pydantic_and_no_http_library() -> None:
    code = (
        "import sys, llm_hub; from llm_hub import LLMProvider, Message, Role, LLMResponse, ProviderFactory;"
        "print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heavy = {"openai", "anthropic", "pydantic", "pydantic_settings", "httpx", "httpx2", "aiohttp", "gradio", "fastapi"}
    assert heavy.isdisjoint(loaded.split())


def test_every_public_name_can_be_imported() -> None:
    import llm_hub

    for name in llm_hub.__all__:
        assert getattr(llm_hub, name).__module__.startswith("llm_hub.")
    assert set(llm_hub.__all__) <= set(dir(llm_hub))
