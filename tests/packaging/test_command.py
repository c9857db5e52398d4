"""The command `llm-hub` in a process of its own: its options, and what `check` says without showing a key."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llm_hub import __version__
from tests.redis_server import RedisServer
from tests.ui.site import ROOT, Site, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fault_server import FaultServer

KEY = "sk-test-0123456789abcdef"
PASSWORD = "not-for-anybody"


def llm_hub(*arguments: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs the command with these settings alone."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    command = [sys.executable, "-m", "llm_hub", *arguments]
    path = {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(command, cwd=folder, env=kept | path | settings, capture_output=True, text=True, check=False)


async def check(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs `llm-hub check` while this loop's fault server answers it."""
    return await asyncio.to_thread(partial(llm_hub, "check", folder=folder, **settings))


def line(report: str, subject: str) -> tuple[str, str]:
    """The verdict and the text of one line of a report."""
    (words,) = (row.split(maxsplit=2) for row in report.splitlines() if row[6:].split(" ")[0] == subject)
    return words[0], words[2]


@contextmanager
def dead_address() -> Iterator[str]:
    """An address that refuses every connection, for as long as it is needed."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/v1"


def test_the_version_is_printed_without_loading_anything(tmp_path: Path) -> None:
    ended = llm_hub("--version", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, f"llm-hub {__version__}\n")


def test_an_option_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = llm_hub("chekc", folder=tmp_path)
    assert ended.returncode == 2
    assert "check" in ended.stderr


@pytest.mark.parametrize("command", [(), ("check",)], ids=["serve", "check"])
def test_an_option_with_a_wrong_value_is_named_as_its_setting(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = llm_hub(*command, "--port", "many", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("LLM_HUB_PORT:")
    assert "Traceback" not in ended.stderr


def test_the_file_that_a_space_starts_takes_the_same_options(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "app.py"), "--port", "many"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith("LLM_HUB_PORT:")


async def test_check_asks_every_provider_and_shows_no_key(fault_server: FaultServer, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\nLLM_HUB_API_KEYS=alice={KEY}\n")
    with dead_address() as nowhere:
        ended = await check(
            tmp_path,
            OPENAI_BASE_URL=fault_server.openai_url,
            OLLAMA_BASE_URL=fault_server.ollama_url,
            LLM_HUB_SERVERS=f"dead={nowhere}",
            LLM_HUB_REDIS_URL=f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0",
            LLM_HUB_DATABASE_URL=f"postgresql://user:{PASSWORD}@127.0.0.1:{free_port()}/hub",
        )
    report = ended.stdout
    assert (ended.returncode, ended.stderr) == (0, "")
    assert line(report, "openai")[0] == line(report, "ollama")[0] == "ok"
    assert line(report, "anthropic") == ("-", "needs a key: set ANTHROPIC_API_KEY")
    assert line(report, "dead")[0] == "no"
    assert "nothing answers at its address" in line(report, "dead")[1]
    assert line(report, "settings") == ("ok", f"the environment and {tmp_path / '.env'}")
    assert line(report, "API") == ("ok", "for the keys named alice")
    assert line(report, "route") == ("ok", "auto asks openai, then ollama, then dead; not ready: dead")
    assert line(report, "database")[0] == line(report, "Redis")[0] == "no"
    assert KEY not in report
    assert PASSWORD not in report


async def test_check_says_that_a_key_is_refused_and_that_nobody_can_answer(
    fault_server: FaultServer, tmp_path: Path
) -> None:
    fault_server.lists = "key"
    ended = await check(
        tmp_path,
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=fault_server.openai_url,
        OLLAMA_BASE_URL=fault_server.ollama_url,
        LLM_HUB_LOCAL_MODEL=str(tmp_path / "nowhere.gguf"),
    )
    assert ended.returncode == 1
    assert line(ended.stdout, "openai")[0] == "no"
    assert "key" in line(ended.stdout, "openai")[1]
    assert "nowhere.gguf" in line(ended.stdout, "local")[1]
    assert line(ended.stdout, "route") == ("no", "auto asks openai, then ollama; not ready: openai, ollama")
    assert ended.stdout.endswith("No model can answer.\n")
    assert KEY not in ended.stdout + ended.stderr


async def test_check_gives_up_on_a_provider_that_says_nothing(fault_server: FaultServer, tmp_path: Path) -> None:
    fault_server.lists = "slow"
    ended = await check(tmp_path, OPENAI_API_KEY=KEY, OPENAI_BASE_URL=fault_server.openai_url)
    assert line(ended.stdout, "openai")[0] == "no"
    assert line(ended.stdout, "local") == ("ok", "SmolLM2-135M-Instruct, packaged")


async def test_check_says_that_redis_answers_and_wants_another_password(tmp_path: Path) -> None:
    with RedisServer(tmp_path) as redis:
        address = redis.url.replace("redis://", f"redis://stranger:{PASSWORD}@")
        ended = await check(tmp_path, LLM_HUB_REDIS_URL=address, LLM_HUB_PORT=str(free_port()))
    verdict, told = line(ended.stdout, "Redis")
    assert verdict == "no"
    assert told.startswith("Redis cannot be used (AuthenticationError): this hub counts by itself.")
    assert PASSWORD not in ended.stdout


def test_check_makes_nothing_and_says_what_is_made_later(tmp_path: Path) -> None:
    ended = llm_hub("check", "--port", str(free_port()), folder=tmp_path)
    assert line(ended.stdout, "database") == ("ok", "SQLite, made when it is first written to")
    assert line(ended.stdout, "address")[1].endswith("which is free")
    assert line(ended.stdout, "settings") == ("ok", "the environment; no .env is here")
    assert list(tmp_path.iterdir()) == []


def test_check_names_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(1)
        ended = llm_hub("check", "--port", str(taken.getsockname()[1]), folder=tmp_path)
    assert line(ended.stdout, "address")[0] == "no"
    assert "LLM_HUB_PORT" in line(ended.stdout, "address")[1]


def test_check_beside_a_running_hub_says_that_it_runs(tmp_path: Path) -> None:
    with Site(tmp_path / "log") as site:
        ended = llm_hub("check", "--port", str(site.port), folder=tmp_path)
    assert line(ended.stdout, "address") == ("ok", f"{site.url}, where LLM Hub is running")


def test_the_page_is_opened_in_a_browser_once_the_server_answers(tmp_path: Path) -> None:
    browser, opened, port = tmp_path / "browser", tmp_path / "opened", free_port()
    browser.write_text(f'#!/bin/sh\necho "$1" > {shlex.quote(str(opened))}.new\nmv {opened}.new {opened}\n')
    browser.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "BROWSER": f"{browser} %s"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "llm_hub", "--port", str(port), "--open"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as process:
        try:
            while not opened.exists():
                assert process.poll() is None
                time.sleep(0.05)
        finally:
            process.terminate()
    assert opened.read_text() == f"http://127.0.0.1:{port}\n"
