"""A PostgreSQL server for the tests: the installed programs, with a cluster in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.ui.site import free_port

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian installs the programs: a folder for each version, which is not on the PATH."""


def programs() -> Path | None:
    """The folder of initdb and pg_ctl."""
    folders = [Path(initdb).parent] if (initdb := shutil.which("initdb")) else []
    folders += sorted(DEBIAN.glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


class Postgres:
    """The running server."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql://votes:hunter2@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="llm-hub-postgres-"))
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:  # initdb refuses root
            nobody = pwd.getpwnam("nobody")
            os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        password = self._folder / "password"
        password.write_text("hunter2")
        password.chmod(0o644)
        self._run("initdb", "-U", "votes", "-A", "scram-sha-256", f"--pwfile={password}", "-E", "UTF8", "--no-sync")
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._folder)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), "-D", str(self._folder / "data"), *arguments]
        # Not a pipe: the server would keep it open.
        with (self._folder / "output").open("ab") as output:
            subprocess.run(command, check=True, cwd=self._folder, stdout=output, stderr=output, timeout=60, **self._as)
