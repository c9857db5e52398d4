"""Starts `llm-hub run` again and again without importing it each time, for tests that kill it.

For each line of arguments on stdin a process is forked. Its id is a line on stdout; when it has ended, `status` and its
exit status are another, behind what it wrote itself.
"""

from __future__ import annotations

import os
import shlex
import sys

import aiosqlite  # noqa: F401  # what a run needs is imported before
import h11  # noqa: F401
import httpcore2  # noqa: F401
import sqlalchemy.dialects.sqlite.aiosqlite  # noqa: F401
import truststore  # noqa: F401

import llm_hub.providers.openai  # noqa: F401
from llm_hub.runs import run_store
from llm_hub.serving.run_command import main

HOLD_SECONDS = 0.2
"""Seconds after which a killed process' run belongs to nobody."""


def serve() -> None:
    run_store.HOLD_SECONDS = HOLD_SECONDS
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(main(shlex.split(line)))
        print(child, flush=True)
        print("status", os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    serve()
