"""The HTTP API, on the page's port: dialects, lists, use and health."""

from llm_hub.api.health import health
from llm_hub.api.paths import PATHS
from llm_hub.api.routes import router

__all__ = ["PATHS", "health", "router"]
