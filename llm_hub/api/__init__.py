"""The HTTP API, on the page's port: the project's own endpoints and OpenAI-compatible ones."""

from llm_hub.api.health import health
from llm_hub.api.routes import PATHS, router

__all__ = ["PATHS", "health", "router"]
