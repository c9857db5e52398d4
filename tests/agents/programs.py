"""The agents that are installed: by npm in this folder, as .ci/run does, or by hand, wherever the PATH leads."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

FOLDER = Path(__file__).with_name("node_modules") / ".bin"
PATH = f"{FOLDER}{os.pathsep}{os.environ['PATH']}"


def require(program: str, *, node: int = 0) -> None:
    """Skips the test where the program is missing, or the Node.js that it needs, by its major version."""
    if shutil.which(program, path=PATH) is None:
        pytest.skip(f"{program} is not installed: npm install --prefix tests/agents, or by hand")
    if node:
        version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        if int(version.removeprefix("v").partition(".")[0]) < node:
            pytest.skip(f"{program} needs Node.js {node}, and this is {version.strip()}")


def run_agent(
    command: Sequence[str], *, folder: Path, home: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs an agent, or a command that starts it, in that folder, with a configuration of its own."""
    return subprocess.run(
        command,
        cwd=folder,
        env={"PATH": PATH, "HOME": str(home), "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
