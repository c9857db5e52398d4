"""What the project says of itself is true: the documented settings, the Space's files, the cost of an import."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import llm_hub
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.settings import Settings
from llm_hub.wire.network import SETTINGS as NETWORK_SETTINGS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
README = (ROOT / "README.md").read_text()


def every_setting() -> set[str]:
    return (
        {name for row in PROVIDERS.values() for name in (*row.key, *row.url)}
        | set(Settings.names())
        | set(NETWORK_SETTINGS)
    )


def test_the_example_file_lists_every_setting_once() -> None:
    listed = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(every_setting())


def test_the_example_file_is_read_without_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in every_setting():
        monkeypatch.delenv(name, raising=False)
    assert Settings.load(ROOT / ".env.example").model_dump() == Settings().model_dump()


def test_the_settings_page_lists_every_setting() -> None:
    listed = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text()))
    assert every_setting() <= listed
    others = listed - every_setting()
    assert all(re.search("_(API_KEY|API_KEYS|TOKENS)$", name) for name in others), others  # of servers, and of several


def test_the_readme_lists_every_provider() -> None:
    table = README.split("## Providers", 1)[1].split("\n## ", 1)[0]
    assert set(re.findall(r"^\| `([a-z]+)`", table, re.MULTILINE)) == set(PROVIDERS)


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]+)", README)
    assert len(links) > 5
    for link in links:
        assert link.startswith("https://") or (ROOT / link).exists(), link


def pins() -> dict[str, Requirement]:
    """The lines of constraints.txt for this machine and its Python, by the package's name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    here = [line for line in requirements if line.marker is None or line.marker.evaluate()]
    return {canonicalize_name(line.name): line for line in here}


def ranges() -> list[Requirement]:
    """What pyproject.toml allows, of the package itself, its extras and the groups."""
    project = PROJECT["project"]
    lists = [*project["optional-dependencies"].values(), *PROJECT["dependency-groups"].values()]
    return [Requirement(line) for line in [*project["dependencies"], *(line for lines in lists for line in lines)]]


def test_every_dependency_has_an_upper_bound() -> None:
    for allowed in ranges():
        assert "<" in {clause.operator for clause in allowed.specifier}, f"{allowed} has no upper bound"


def test_the_constraints_name_one_version_of_everything_and_no_hosts() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()
    for pin in pins().values():
        assert [clause.operator for clause in pin.specifier] == ["=="], pin


def test_the_constraints_are_within_the_ranges() -> None:
    pinned = pins()
    for allowed in ranges():
        (clause,) = pinned[canonicalize_name(allowed.name)].specifier
        assert allowed.specifier.contains(clause.version), f"{allowed}, but constraints.txt has {clause.version}"


def test_the_constraints_are_what_these_tests_run_with() -> None:
    if not (ROOT / "uv.lock").exists():
        pytest.skip("uv did not make this environment, so its versions are somebody else's choice")
    here = {canonicalize_name(package.metadata["Name"]): package.version for package in distributions()}
    listed = {name: next(iter(pin.specifier)).version for name, pin in pins().items()}
    here.pop(canonicalize_name("llm-hub"), None)
    assert here == listed, "run `make constraints`"


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "llm_hub/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", llm_hub.__version__)


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
        "import sys; before = {*sys.modules}; import llm_hub;"
        "from llm_hub import LLMProvider, Message, Role, LLMResponse, ProviderFactory;"
        "print(*({*sys.modules} - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heavy = {"openai", "anthropic", "pydantic", "pydantic_settings", "httpx", "httpx2", "aiohttp", "gradio", "fastapi"}
    heavy |= {"asyncio", "decimal", "difflib", "ipaddress", "json", "socket", "uuid"}  # some milliseconds each
    assert heavy.isdisjoint(loaded.split())


def test_a_hub_starts_without_what_only_the_page_or_an_answer_needs() -> None:
    code = (
        "import asyncio, sys, llm_hub.serving.server; from llm_hub.storage.database import Database;"
        "print(*sys.modules); asyncio.run(Database('sqlite:///:memory:').run(lambda _: None)); print(*sys.modules)"
    )
    reply = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    at_the_start, with_the_database = map(str.split, reply.splitlines())
    later = {"openai", "anthropic", "httpx", "httpx2", "aiohttp", "gradio", "fastapi", "sqlalchemy", "websockets"}
    assert later.isdisjoint(at_the_start)
    assert {"sqlalchemy.orm", "sqlalchemy.ext.asyncio"}.isdisjoint(with_the_database)


def test_no_two_modules_and_no_two_classes_share_a_name() -> None:
    files = [path for path in (ROOT / "llm_hub").rglob("*.py") if not path.stem.startswith("__")]
    classes = [name for path in files for name in re.findall(r"^class _?([A-Z]\w*)", path.read_text(), re.MULTILINE)]
    for names in ([path.stem for path in files], classes):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_public_name_can_be_imported() -> None:
    for name in llm_hub.__all__:
        assert getattr(llm_hub, name).__module__.startswith("llm_hub.")
    assert set(llm_hub.__all__) <= set(dir(llm_hub))
