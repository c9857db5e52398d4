"""LLM Hub as a visitor meets it: `python app.py` in a process of its own."""

from __future__ import annotations

import atexit
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from tests.ui.hub_process import HubProcess

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 60.0
INHERITED = frozenset({"PATH", "HOME", "LANG", "TMPDIR"})
"""All that a server has of this environment."""
READ_BY_IMPORTS = ("HOME", "GRADIO_", "HF_", "PYTHON", "SPACE")
"""How variables begin that are read while modules are imported."""
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For a client of this server: certificates, which it never sees, would take 25 ms to load for each test."""


_held: deque[socket.socket] = deque()
"""What keeps the ports of `free_port`."""


def free_port() -> int:
    """A port that nothing listens on, kept for the server that it is meant for.

    A socket that does not listen stays bound to it. Meanwhile the system gives the port to nobody, and a server that
    asks for it by its number has it, since both sides set SO_REUSEADDR.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    atexit.register(holder.close)
    if len(_held) > 100:  # servers of tests long over
        _held.popleft().close()
    return int(holder.getsockname()[1])


@dataclass
class Site:
    """The running server. `first_ok` and `ready` are seconds after its start.

    Its process is forked after the imports, except `from_scratch` and where what it is given is read by imports.
    """

    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    folder: Path = ROOT
    from_scratch: bool = False
    first_ok: float = 0.0
    ready: float = 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it and waits for the page. The visitor's own keys and settings stay outside."""
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        if not (self.folder / "llm_hub").exists():
            inherited["PYTHONPATH"] = str(ROOT)
        own = {"LLM_HUB_PORT": str(self.port), "LLM_HUB_DATABASE_URL": f"sqlite:///{self.log}.db"}
        environment = inherited | own | self.environment
        started = time.monotonic()
        self.process = self._process(environment)
        with httpx.Client(base_url=self.url, trust_env=False, timeout=30, verify=NO_TLS) as client:
            while not self.ready:
                if self.process.poll() is not None or time.monotonic() - started > STARTS_WITHIN:
                    self.process.kill()
                    self.process.wait()
                    raise AssertionError(f"The server did not start:\n{self.log.read_text()}")
                try:
                    response = client.get("/" if not self.first_ok else "/health")
                except httpx.TransportError:
                    time.sleep(0.02)  # nothing listens yet, so there is nothing to wait on
                    continue
                if not self.first_ok and response.status_code == 200:
                    self.first_ok = time.monotonic() - started
                elif self.first_ok and response.json()["status"] == "ready":
                    self.ready = time.monotonic() - started
                else:
                    time.sleep(0.02)

    def _process(self, environment: dict[str, str]) -> HubProcess | subprocess.Popen[bytes]:
        if not self.from_scratch and not any(name.startswith(READ_BY_IMPORTS) for name in self.environment):
            return HubProcess(self.folder, environment, self.log)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "app.py"], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def stop(self, signum: int = signal.SIGTERM) -> float:
        """Seconds that it took to end."""
        if self.process.poll() is not None:
            return 0.0
        began = time.monotonic()
        self.process.send_signal(signum)
        try:
            self.process.wait(60)  # a busy machine takes its time; how long it took is returned
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        return time.monotonic() - began
