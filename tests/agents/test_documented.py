"""What docs/agents.md has people copy works: each client that is installed gets an answer of the hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.agents.programs import require, run_agent
from tests.api.test_other_clients import run_python
from tests.fault_server import FaultServerThread, answer_text
from tests.ui.site import ROOT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = (ROOT / "docs" / "agents.md").read_text()
ADDRESS = "http://127.0.0.1:7860"


@dataclass(frozen=True, slots=True)
class Client:
    """A client of the page: its program, the words that ask it something, and where its configuration belongs.

    `node` is the major version of Node.js that it needs, where it needs one.
    """

    program: str
    words: str = "-p 'Say hello'"
    configuration: str = ""
    node: int = 0


CLIENTS = {
    "Claude Code": Client("claude"),
    "Codex": Client("codex", "exec --skip-git-repo-check 'Say hello'", ".codex/config.toml"),
    "aider": Client("aider", "--no-git --yes --no-check-update --analytics-disable --message 'Say hello'"),
    "opencode": Client("opencode", "run 'Say hello'", "opencode.json"),
    "Cline": Client("cline", ""),
    "Continue": Client("cn", configuration="config.yaml", node=20),
    "qwen-code": Client("qwen", node=20),
    "pi": Client("pi", configuration=".pi/agent/models.json", node=20),
}
LIBRARIES = {"LangChain": "langchain-openai>=1.7,<1.8", "openai-agents": "openai-agents>=0.24,<0.25"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with FaultServerThread() as fault_server:
        settings = {
            "OPENAI_API_KEY": "sk-owner-0123456789",
            "OPENAI_BASE_URL": fault_server.openai_url,
            "LLM_HUB_ROUTE": "openai/ok",
        }
        with Site(tmp_path_factory.mktemp("hub") / "log", settings) as site:
            yield site


def section(name: str) -> str:
    """What the page says about a client."""
    (text,) = re.findall(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", DOCS, re.DOTALL | re.MULTILINE)
    return str(text)


def block(name: str, site: Site) -> str:
    """What is to be copied for a client, for this hub."""
    (text,) = re.findall(r"```\w+\n(.*?)```", section(name), re.DOTALL)
    assert ADDRESS in text
    return str(text).replace(ADDRESS, site.url)


def test_every_client_of_the_page_is_tried() -> None:
    named = set(re.findall(r"^### (.+)$", DOCS, re.MULTILINE))
    assert named == {*CLIENTS, *LIBRARIES, "Vercel's AI SDK"}  # which tests/api/test_other_clients.py tries


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_gets_an_answer_with_what_is_copied_from_the_page(name: str, hub: Site, tmp_path: Path) -> None:
    client = CLIENTS[name]
    require(client.program, node=client.node)
    command = block(name, hub).rstrip()
    if client.configuration:
        file = tmp_path / client.configuration
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(command)
        assert Path(client.configuration).name in section(name)
        (command,) = re.findall(r"then(?:, in a terminal,)? `(.+?)`", section(name))
    ended = run_agent(["bash", "-c", f"{command} {client.words}"], folder=tmp_path, home=tmp_path)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}\n{hub.log.read_text()}"
    assert answer_text(5) in ended.stdout


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_program_of_the_page_gets_an_answer(name: str, hub: Site, tmp_path: Path) -> None:
    ended = run_python(block(name, hub), LIBRARIES[name], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert answer_text() in ended.stdout
