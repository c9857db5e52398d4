"""`python app.py` without the three seconds of processor time that its imports take, which 150 tests need not pay.

The process is forked from one of multiprocessing's fork server, which has imported `tests.ui.prepared`. From there on
it does what a new interpreter does: it runs app.py of that folder, with that environment and nothing else of this one.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.ui.prepared"])


class HubProcess:
    """A hub's process, with what the tests use of `subprocess.Popen`."""

    def __init__(self, folder: Path, environment: dict[str, str], log: Path) -> None:
        self._process = FORKED.Process(target=_run, args=(folder, environment, log))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def send_signal(self, signum: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, signum)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> int:
        """The exit code. Raises `subprocess.TimeoutExpired` where there is none after that time."""
        self._process.join(seconds)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("app.py", seconds or 0)
        return self.returncode


def _run(folder: Path, environment: dict[str, str], log: Path) -> None:
    with log.open("ab", buffering=0) as file:
        for output in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), output.fileno())
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["app.py"]
    try:
        runpy.run_path("app.py", run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out
