"""Which paths belong to the API. The front door sends requests for them here; the page never sees them."""

from __future__ import annotations

VERSION = "/v1"
"""How the paths of all endpoints begin, except that of the metrics."""
METRICS = "/metrics"
PATHS = (VERSION, METRICS)
"""How the paths begin that the API answers."""
