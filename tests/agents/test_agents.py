"""Claude Code and Codex, unmodified from npm, finish a task through the hub, whatever their provider does meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agents.programs import require, run_agent
from tests.agents.task import (
    WORDS,
    Task,
    claude_prompt,
    claude_texts,
    codex_prompt,
    codex_script_prompt,
    codex_texts,
    model_texts,
)
from tests.fault_server import FaultServerThread
from tests.ui.site import ROOT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.mark import ParameterSet

WIRES = ("openai", "anthropic", "ollama")
FALLBACK = {"openai": "anthropic", "anthropic": "ollama", "ollama": "openai"}
"""Who goes on when the provider of a wire fails: one of another."""
FAULTS = {"cut in text": "cut@mid", "cut inside a call": "cut@last", "overloaded": "status-529"}


@dataclass(frozen=True, slots=True)
class Agent:
    """How an agent is asked to do a task alone, and how its output is read."""

    options: Sequence[str]
    prompt: Callable[[Task], str]
    texts: Callable[[str], list[str]]


AGENTS = {
    "claude": Agent(
        ("-p", "--output-format", "stream-json", "--verbose", "--allowedTools", "Read,Edit,Bash"),
        claude_prompt,
        claude_texts,
    ),
    "codex": Agent(
        ("exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
        codex_prompt,
        codex_texts,
    ),
}


@pytest.fixture(scope="module")
def fault_server() -> Iterator[FaultServerThread]:
    with FaultServerThread() as fault_server:
        yield fault_server


@pytest.fixture(scope="module", params=WIRES)
def wire(request: pytest.FixtureRequest) -> str:
    """The protocol of the provider that is asked."""
    return str(request.param)


def started_hub(log: Path, fault_server: FaultServerThread, **settings: str) -> Site:
    """A hub with its usual settings before the fault server."""
    upstreams = {
        "OPENAI_API_KEY": "sk-owner-0123456789",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "ANTHROPIC_API_KEY": "sk-ant-0123456789",
        "ANTHROPIC_BASE_URL": fault_server.anthropic_url,
        "OLLAMA_BASE_URL": fault_server.ollama_url,
    }
    return Site(log, upstreams | settings)


@pytest.fixture(scope="module")
def hub(wire: str, fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub with a fallback behind every model."""
    log = tmp_path_factory.mktemp("hub") / "log"
    with started_hub(log, fault_server, LLM_HUB_ROUTE=f"{FALLBACK[wire]}/ok?as=scripted") as site:
        yield site


@pytest.fixture(scope="module")
def hub_without_resume(fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with started_hub(tmp_path_factory.mktemp("hub") / "log", fault_server, LLM_HUB_MIDSTREAM="fail") as site:
        yield site


def run(name: str, model: str, task: Task, hub: Site, *, prompt: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the agent on the task, as `llm-hub agent` starts it. `prompt` is another one than its usual one."""
    require(name)
    agent = AGENTS[name]
    command = [sys.executable, "-P", "-m", "llm_hub", "agent", name, "--port", str(hub.port), "--", *agent.options]
    home = task.folder.with_name("home")
    home.mkdir()
    words = ["--model", model, prompt or agent.prompt(task)]
    return run_agent([*command, *words], folder=task.folder, home=home, PYTHONPATH=str(ROOT))


def check(name: str, ended: subprocess.CompletedProcess[str], task: Task, hub: Site) -> None:
    """Raises `AssertionError` unless the task is done, once, and every word of the model was shown, once."""
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{hub.log.read_text()}"
    assert AGENTS[name].texts(ended.stdout) == model_texts()
    task.check()


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_finishes_its_task(
    name: str, wire: str, hub: Site, tmp_path: Path, fault_server: FaultServerThread
) -> None:
    before = len(fault_server.exchanges)
    task = Task.in_folder(tmp_path / "task")
    check(name, run(name, f"{wire}/ok?as=scripted&by={name}", task, hub), task, hub)
    asked = [exchange for exchange in fault_server.exchanges[before:] if exchange.model]
    assert {(exchange.model, exchange.status) for exchange in asked} == {(f"ok?as=scripted&by={name}", 200)}


def test_claude_code_finishes_its_task_with_a_model_that_only_openais_responses_have(
    hub_without_resume: Site, tmp_path: Path, fault_server: FaultServerThread
) -> None:
    before = len(fault_server.exchanges)
    task = Task.in_folder(tmp_path / "task")
    check("claude", run("claude", "openai/gpt-6.2-sol?as=scripted", task, hub_without_resume), task, hub_without_resume)
    asked = [exchange for exchange in fault_server.exchanges[before:] if exchange.model]
    assert {(exchange.protocol, exchange.status) for exchange in asked} == {("responses", 200)}


def test_codex_finishes_its_task_with_the_tools_of_openais_newest_models_while_openai_is_down(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    task = Task.in_folder(tmp_path / "task")
    route = "anthropic/ok?as=scripted&by=newest"
    down = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "LLM_HUB_ROUTE": route}
    with started_hub(tmp_path / "log", fault_server, **down) as hub:
        ended = run("codex", "gpt-6.2-sol", task, hub, prompt=codex_script_prompt(task))
        check("codex", ended, task, hub)


def failing_providers() -> Iterator[ParameterSet]:
    """Each fault on every wire with either agent. A third of them run usually: each fault meets both agents, and each
    agent every wire."""
    for at_wire, wire in enumerate(WIRES):
        for at_fault, fault in enumerate(FAULTS):
            for at_agent, name in enumerate(AGENTS):
                is_usual = at_wire == (at_fault + at_agent) % len(WIRES)
                yield pytest.param(wire, fault, name, marks=() if is_usual else pytest.mark.survival)


@pytest.mark.parametrize(("wire", "fault", "name"), [*failing_providers()], indirect=["wire"])
def test_an_agent_finishes_its_task_while_its_provider_fails(
    wire: str, fault: str, name: str, hub: Site, tmp_path: Path, fault_server: FaultServerThread
) -> None:
    model = f"{FAULTS[fault]}?as=scripted&by={name}"
    before = len(fault_server.exchanges)
    task = Task.in_folder(tmp_path / "task")
    check(name, run(name, f"{wire}/{model}", task, hub), task, hub)
    asked = [exchange for exchange in fault_server.exchanges[before:] if exchange.model == model]
    match fault:
        case "cut in text":
            assert 0 < asked[0].tokens_sent < WORDS
        case "cut inside a call":
            assert asked[0].tokens_sent > WORDS
        case "overloaded":
            assert asked[0].status == 529


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_asks_again_after_an_answer_that_broke_off_for_good(
    name: str, hub_without_resume: Site, tmp_path: Path
) -> None:
    task = Task.in_folder(tmp_path / "task")
    ended = run(name, f"openai/cut@mid?as=scripted&times=1&by={name}", task, hub_without_resume)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{hub_without_resume.log.read_text()}"
    task.check()
