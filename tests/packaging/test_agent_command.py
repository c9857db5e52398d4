"""`llm-hub agent`: what a coding agent is started with, and what becomes of the hub that is started for it.

A program of a few lines stands in for the agent. The agents themselves run in tests/agents.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from llm_hub.__main__ import AGENTS, main
from llm_hub.serving.agent import AGENTS as KNOWN_AGENTS
from tests.packaging.test_command import llm_hub
from tests.ui.site import ROOT, Site, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "hub-key-0123456789"
OTHER_KEY = "hub-key-9876543210"
ANTHROPIC = {"ANTHROPIC_API_KEY": "sk-ant-owner-0123456789"}

STAND_IN = f"""#!{sys.executable}
import json, os, signal, sys, urllib.request
report = {{"arguments": sys.argv[1:], "variables": dict(os.environ)}}
address = os.environ.get("ANTHROPIC_BASE_URL") or next(w for w in sys.argv if "base_url" in w).split('"')[1][:-3]
def health():
    return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({{}})).open(address + "/health"))["status"]
report["health"] = health()
if "wait" in sys.argv:
    ends = {{signal.SIGINT, signal.SIGTERM}}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    print("ready", flush=True)
    report |= {{"ended by": signal.sigwait(ends).name, "health": health()}}
if "die" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
print(json.dumps(report), flush=True)
sys.exit(7)
"""


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A PATH with the stand-in under the names of both agents, and without the agents of this machine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in AGENTS:
        program = folder / name
        program.write_text(STAND_IN)
        program.chmod(0o755)
    return str(folder)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub that takes keys, and that could ask Anthropic."""
    keys = {"LLM_HUB_API_KEYS": f"first={KEY},second={OTHER_KEY}"}
    with Site(tmp_path_factory.mktemp("hub") / "log", ANTHROPIC | keys) as site:
        yield site


def agent(name: str, *words: str, folder: Path, port: int, **settings: str) -> subprocess.CompletedProcess[str]:
    return llm_hub("agent", name, "--port", str(port), "--", *words, folder=folder, **settings)


def report(ended: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the stand-in says it was started with."""
    assert ended.returncode == 7, ended.stderr
    stood_in: dict[str, Any] = json.loads(ended.stdout)
    return stood_in


def test_the_command_offers_every_agent_that_can_be_started() -> None:
    assert set(AGENTS) == set(KNOWN_AGENTS)


def test_a_wrong_word_is_told_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in ((["rnu"], "'check', 'checkup', 'run', 'agent'"), (["--port", "1", "run"], "comes first")):
        with pytest.raises(SystemExit):
            main(words)
        assert told in capsys.readouterr().err


def test_an_agent_that_is_missing_is_named_with_how_to_install_it(tmp_path: Path) -> None:
    ended = agent("codex", folder=tmp_path, port=free_port(), PATH=str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr == "codex is not installed, or not on the PATH. Install it: `npm install -g @openai/codex`.\n"


def test_words_for_the_agent_without_dashes_before_them_are_refused_with_the_right_command(tmp_path: Path) -> None:
    ended = llm_hub("agent", "claude", "-p", "Hello", folder=tmp_path)
    assert ended.returncode == 2
    assert "llm-hub agent claude -- -p" in ended.stderr


def test_claude_code_is_led_to_the_running_hub_and_nowhere_else(hub: Site, programs: str, tmp_path: Path) -> None:
    elsewhere = ANTHROPIC | {"CLAUDE_CODE_USE_BEDROCK": "1", "HTTP_PROXY": "http://127.0.0.1:1"}
    settings = elsewhere | {"PATH": programs, "LLM_HUB_AGENT_KEY": KEY}
    ended = agent("claude", "-p", "--", "Hi", folder=tmp_path, port=hub.port, **settings)
    started = report(ended)
    assert started["arguments"] == ["-p", "--", "Hi"]
    variables = started["variables"]
    assert (variables["ANTHROPIC_BASE_URL"], variables["ANTHROPIC_AUTH_TOKEN"]) == (hub.url, KEY)
    assert variables["NO_PROXY"] == variables["no_proxy"] == "127.0.0.1"
    assert not {"ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "ANTHROPIC_MODEL"} & variables.keys()
    assert f"running at {hub.url}" in ended.stderr
    assert httpx.get(f"{hub.url}/health", trust_env=False).json() == {"status": "ready"}


def test_codex_is_led_to_the_hub_without_a_key_in_its_command(hub: Site, programs: str, tmp_path: Path) -> None:
    settings = f"second={OTHER_KEY},first={KEY}"  # what the hub was started with: its first key is sent
    started = report(
        agent("codex", "exec", "Hi", folder=tmp_path, port=hub.port, PATH=programs, LLM_HUB_API_KEYS=settings)
    )
    options, words = started["arguments"][:-2], started["arguments"][-2:]
    assert words == ["exec", "Hi"]
    assert options[::2] == ["-c"] * (len(options) // 2)
    assert set(options[1::2]) == {
        'model_provider="llm_hub"',
        'model_providers.llm_hub.name="LLM Hub"',
        f'model_providers.llm_hub.base_url="{hub.url}/v1"',
        'model_providers.llm_hub.wire_api="responses"',
        'model_providers.llm_hub.env_key="LLM_HUB_AGENT_KEY"',
        'model="auto"',  # this hub has no key for OpenAI
    }
    assert started["variables"]["LLM_HUB_AGENT_KEY"] == OTHER_KEY


@pytest.mark.parametrize(("key", "words"), [("", "none is set"), ("not-a-key-of-this-hub", "not this one")])
def test_a_hub_that_takes_keys_refuses_before_the_agent_starts(
    hub: Site, programs: str, tmp_path: Path, key: str, words: str
) -> None:
    ended = agent("claude", folder=tmp_path, port=hub.port, PATH=programs, LLM_HUB_AGENT_KEY=key)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert "LLM_HUB_AGENT_KEY" in ended.stderr
    assert not key or key not in ended.stderr


def test_a_port_that_something_else_uses_is_named(programs: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken.settimeout(1)
        ended = agent("claude", folder=tmp_path, port=taken.getsockname()[1], PATH=programs)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "LLM Hub did not start: LLM Hub cannot listen on" in ended.stderr
    assert "LLM_HUB_PORT" in ended.stderr


def test_an_agent_that_is_killed_ends_the_command_as_a_shell_has_it(hub: Site, programs: str, tmp_path: Path) -> None:
    ended = agent("claude", "die", folder=tmp_path, port=hub.port, PATH=programs, LLM_HUB_AGENT_KEY=KEY)
    assert ended.returncode == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("end", "signum"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],
    ids=["Ctrl-C in the terminal", "the end of the command"],
)
def test_a_hub_that_is_started_for_an_agent_ends_with_it_and_signals_go_to_the_agent(
    end: Callable[[int, int], None], signum: signal.Signals, programs: str, tmp_path: Path
) -> None:
    port = free_port()
    (tmp_path / "anthropic.py").write_text("raise SystemExit('a module of the project in this folder')")
    environment = {"PATH": programs, "HOME": str(tmp_path), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "llm_hub", "agent", "claude", "--port", str(port), "--", "wait"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n", process.stderr.read()
        end(process.pid, signum)
        output, errors = process.communicate(timeout=100)
    started = json.loads(output)
    assert (process.returncode, started["ended by"]) == (7, signum.name)
    assert started["health"] in ("starting", "ready")
    assert started["variables"]["ANTHROPIC_MODEL"] == started["variables"]["ANTHROPIC_DEFAULT_HAIKU_MODEL"] == "auto"
    (log,) = tmp_path.glob("llm-hub-*.log")
    assert str(log) in errors
    assert "/v1/providers" in log.read_text()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
