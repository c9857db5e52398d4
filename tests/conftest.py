"""What every test may ask for: a fault server to run against, and an environment without anybody's keys.

It also sorts the tests into tiers (see tests/README.md), by folder and by fixture, so that no file has to say it.
"""

from __future__ import annotations

import gc
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from llm_hub.ui.gradio_fixes.import_speed import skip_stubs
from tests.arena.postgres import Postgres, programs
from tests.fault_server import FaultServer
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from playwright.sync_api import Playwright

_FOREIGN = (
    *("OPENAI_", "ANTHROPIC_", "OLLAMA_", "LLM_HUB_", "HF_"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"),
)


skip_stubs()
settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")


TESTS = Path(__file__).parent
TIERS = {
    "contract": ["api", "contract", "router/test_matrix.py"],
    "server": [
        "access/test_sign_in.py",
        "agents",
        "api/test_compliance.py",
        "api/test_docs.py",
        "api/test_openapi.py",
        "api/test_other_clients.py",
        "checkup/test_frauds.py",
        "documents/test_hostile_files.py",
        "packaging/test_agent_command.py",
        "packaging/test_command.py",
        "packaging/test_wheel.py",
        "security/test_canaries.py",
        "security/test_closed.py",
        "security/test_forged.py",
        "security/test_keys_route.py",
        "security/test_owner_settings.py",
        "serving",
        "spaces",
        "ui/test_event_options.py",
        "ui/test_usage.py",
    ],
}
"""The folders and files of each tier. What is in none belongs to the inner tier, or to a browser's."""
FIXTURES = {"browser": "browser", "postgres": "server", "site": "server"}
"""Fixtures that put each test that uses them into a tier."""


def tiers(path: Path, fixtures: list[str]) -> set[str]:
    """The marks of a test in that file, with those fixtures. One that needs a browser needs all of the machine."""
    marks = {FIXTURES[name] for name in fixtures if name in FIXTURES}
    marks |= tiers_of_file(path)
    return marks | {"heavy"} if "browser" in marks else marks


@cache
def tiers_of_file(path: Path) -> set[str]:
    """The marks of all tests in that file."""
    return {tier for tier, places in TIERS.items() if any(path.is_relative_to(TESTS / place) for place in places)}


def pytest_configure() -> None:
    """A file that was moved must not fall out of its tier unseen. What is collected stays: no garbage is looked for."""
    gc.disable()
    if missing := [place for places in TIERS.values() for place in places if not (TESTS / place).exists()]:
        raise pytest.UsageError(f"tests/conftest.py puts into a tier what is not there: {', '.join(missing)}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many processes `-n auto` starts: one more than there are processors, since a third of a test is waiting."""
    return (os.cpu_count() or 1) + 1


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file whose tier is left out (`-m "not contract and not server"`) is not read either: that takes seconds."""
    left_out = re.fullmatch(r"not (\w+)(?: and not (\w+))*", config.option.markexpr)
    words = set(config.option.markexpr.split()) if left_out else set()
    return True if tiers_of_file(collection_path) & words else None


def pytest_collection_finish() -> None:
    """From here on garbage is looked for, but not among the modules and the tests, which stay."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks each test with its tiers, leaves out what runs only when it is asked for, and puts browsers last."""
    for item in items:
        for tier in sorted(tiers(item.path, getattr(item, "fixturenames", []))):
            item.add_marker(tier)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)  # see `playwright`
    if "survival" not in config.option.markexpr and (left_out := [each for each in items if _is_optional(each)]):
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not _is_optional(item)]


def _is_optional(item: pytest.Item) -> bool:
    return item.get_closest_marker("survival") is not None


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys, addresses, proxies and certificates of the machine it runs on."""
    for name in os.environ:
        if name.upper().startswith(_FOREIGN):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers. It is started once, and so are they, since that takes seconds. While it runs, no
    asynchronous test can: all tests in a browser come last."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL: that which LLM_HUB_TEST_POSTGRES_URL names, or one of the tests' own."""
    if url := os.environ.get("LLM_HUB_TEST_POSTGRES_URL"):
        yield url
        return
    folder = programs()
    if folder is None:
        pytest.skip("There is no PostgreSQL on this machine.")
    with Postgres(folder) as server:
        yield server.url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Redis, which keeps what it is told from test to test."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test's own, which it may end and start again."""
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    """A fault server of this test's own."""
    async with FaultServer() as fault_server:
        yield fault_server
    if fault_server.errors:
        raise fault_server.errors[0]
