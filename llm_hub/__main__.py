"""The command `llm-hub`, which is also `python -m llm_hub`: starts the server, or checks what it would start with."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from llm_hub import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command. Nothing is imported for it but what it needs: `--version` answers at once."""
    options = _parser().parse_args(arguments)
    for name in ("HOST", "PORT"):
        if value := getattr(options, name.lower()):
            os.environ[f"LLM_HUB_{name}"] = value  # an option is its setting, for this one run
    if options.command == "check":
        from llm_hub.serving.check import main as check

        sys.exit(check())
    from llm_hub.serving.server import main as serve

    serve(open_page=options.open)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-hub",
        description="Serves the chat page and the HTTP API until Ctrl-C. Settings are read from the environment and "
        "from .env in this folder.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=("check",),
        help="check: say what is configured, what answers and what is missing, without showing a key, and end: with 0 "
        "if a model can answer, 1 if none can, 2 if a setting is wrong",
    )
    parser.add_argument("--host", help="the address to listen on, in place of LLM_HUB_HOST")
    parser.add_argument("--port", help="the port to listen on, in place of LLM_HUB_PORT")
    parser.add_argument("--open", action="store_true", help="open the page in a browser as soon as it answers")
    parser.add_argument("--version", action="version", version=f"llm-hub {__version__}")
    return parser


if __name__ == "__main__":
    main()
