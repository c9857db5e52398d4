"""The command `llm-hub`, which is also `python -m llm_hub`: starts the server, checks what it would start with, asks a
set of prompts, checks up on a model at several providers, or starts a coding agent in front of the hub.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from llm_hub import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


AGENTS = ("claude", "codex")
"""The coding agents that `llm_hub.serving.agent` knows how to start."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command. Nothing is imported for it but what it needs: `--version` answers at once."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["run"]:  # which has options of its own
        from llm_hub.serving.run_command import main as run

        sys.exit(run(words[1:]))
    if words[:1] == ["checkup"]:  # which has options of its own
        from llm_hub.serving.checkup_command import main as checkup

        sys.exit(checkup(words[1:]))
    own, passed_on = _split(words)
    parser = _parser()
    options, unknown = parser.parse_known_args(own)
    if options.command in ("run", "checkup"):
        parser.error(f"`llm-hub {options.command}` has options of its own, and its word comes first")
    if (options.command == "agent") != (options.agent is not None):
        parser.error(f"`llm-hub agent` needs one of {', '.join(AGENTS)}; nothing else takes a second word")
    if unknown:
        hint = f"; for the agent: llm-hub agent {options.agent} -- {' '.join(unknown)}" if options.agent else ""
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
    if passed_on and options.command != "agent":
        parser.error("only `llm-hub agent` takes words behind --")
    for name in ("HOST", "PORT"):
        if value := getattr(options, name.lower()):
            os.environ[f"LLM_HUB_{name}"] = value  # an option is its setting, for this one run
    if options.command == "check":
        from llm_hub.serving.check import main as check

        sys.exit(check())
    if options.command == "agent":
        from llm_hub.serving.agent import main as run_agent

        sys.exit(run_agent(options.agent, passed_on))
    from llm_hub.serving.server import main as serve

    serve(open_page=options.open)


def _split(words: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """The command's own words, and what stands behind the first `--`."""
    end = words.index("--") if "--" in words else len(words)
    return words[:end], words[end + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-hub",
        usage="llm-hub [check | checkup … | run … | agent {claude,codex}] [--host HOST] [--port PORT] [--open] "
        "[-- words for the agent]",
        description="Serves the chat page and the HTTP API until Ctrl-C. Settings are read from the environment and "
        "from .env in this folder.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("check", "checkup", "run", "agent"),
        help="check: say what is configured, what answers and what is missing, without showing a key, and end: with 0 "
        "if a model can answer, 1 if none can, 2 if a setting is wrong. run: ask a set of prompts of several models; "
        "`llm-hub run --help` has its own options. checkup: say whether a model is the same at several providers; "
        "`llm-hub checkup --help` has its own options. agent: start a coding agent whose requests go through the hub, "
        "and the hub if none runs here",
    )
    parser.add_argument("agent", nargs="?", choices=AGENTS, help="the agent; what stands behind -- is passed on to it")
    parser.add_argument("--host", help="the address to listen on, in place of LLM_HUB_HOST")
    parser.add_argument("--port", help="the port to listen on, in place of LLM_HUB_PORT")
    parser.add_argument("--open", action="store_true", help="open the page in a browser as soon as it answers")
    parser.add_argument("--version", action="version", version=f"llm-hub {__version__}")
    return parser


if __name__ == "__main__":
    main()
