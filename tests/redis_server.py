"""A real Redis, started for tests where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Self

import pytest

from tests.ui.site import free_port

if TYPE_CHECKING:
    from pathlib import Path


class RedisServer:
    """A Redis of its own, which keeps nothing on disk. It may be killed and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed")
        port = free_port()
        self.url = f"redis://127.0.0.1:{port}"
        self._command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        pytest.fail("redis-server did not start")

    def kill(self) -> None:
        """Ends it, with all that it knows."""
        self.process.kill()
        self.process.communicate()
