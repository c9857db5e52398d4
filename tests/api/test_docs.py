"""What docs/api.md shows works: every program in it is run against a running server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ui.site import Site

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
ADDRESS = "http://127.0.0.1:7860"


def code_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


def run(command: list[str]) -> str:
    """What a program prints. It sees nobody's proxies or keys."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    return ran.stdout


def pointed_at(code: str, site: Site) -> str:
    """The program for this server, with a model that calls the tools it is offered."""
    assert ADDRESS in code
    return code.replace(ADDRESS, site.url).replace("openai/gpt-6-luna", "openai/ok?calls=1")


@pytest.mark.parametrize("code", code_blocks("python"), ids=range(len(code_blocks("python"))))
def test_a_program_of_the_documentation_runs(site: Site, code: str) -> None:
    assert run([sys.executable, "-c", pointed_at(code, site)]).strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("code", code_blocks("sh"), ids=range(len(code_blocks("sh"))))
def test_a_command_of_the_documentation_runs(site: Site, code: str) -> None:
    command = pointed_at(code, site).replace("curl ", "curl --silent --show-error --fail-with-body --noproxy '*' ")
    output = run(["bash", "-c", command])
    assert "content" in output or "last_7_days" in output or output.endswith("data: [DONE]\n\n")


def test_the_documentation_has_programs_and_commands() -> None:
    assert len(code_blocks("python")) >= 5
    assert len(code_blocks("sh")) >= 3
