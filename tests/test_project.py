"""What the project says of itself is true: the documented settings, the Space's files, the cost of an import."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.providers.catalog import PROVIDERS
from llm_hub.settings import Settings

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()


def every_setting() -> set[str]:
    return {name for row in PROVIDERS.values() for name in (*row.key, *row.url)} | set(Settings.names())


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
    assert set(re.findall(r"^\| `([a-z]+)`", table, re.MULTILINE)) == set(PROVIDERS)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]+)", README)
    assert len(links) > 5
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def _constrained() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = (line.split(";")[0].split("==") for line in lines if line and not line.startswith("#"))
    return {name.strip(): version.strip() for name, version in pins}


def test_every_dependency_has_an_upper_bound() -> None:
    groups = PROJECT["dependency-groups"].values()
    for line in [*PROJECT["project"]["dependencies"], *(line for group in groups for line in group)]:
        assert ",<" in line, f"{line} has no upper bound"


def test_the_constraints_name_versions_and_no_hosts() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert "://" not in text
    assert {line.split(">=")[0].split("[")[0] for line in PROJECT["project"]["dependencies"]} <= _constrained().keys()


def test_the_image_is_made_of_files_that_are_there_and_let_in() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == names
    assert all((ROOT / name).exists() for name in names)
    assert {"app.py", "llm_hub", "constraints.txt"} <= names


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
