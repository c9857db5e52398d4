"""Where a hub is reached, and whether one answers there."""

from __future__ import annotations

import json
import urllib.request
from contextlib import suppress

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks a hub past the proxies that are set for the providers."""


def browser_host(host: str) -> str:
    """An address that a browser on this machine can open."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def hub_answers(address: str) -> bool:
    """Whether LLM Hub is running there."""
    with suppress(OSError, ValueError, TypeError, KeyError), OPENER.open(f"{address}/health", timeout=2) as reply:
        return json.load(reply)["status"] in ("starting", "ready")
    return False
