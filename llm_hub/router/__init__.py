"""Every answer arrives while one healthy target is left: retry, fall back, resume, and tell of it."""

from llm_hub.router.deadlines import Timeouts
from llm_hub.router.retry import Retry
from llm_hub.router.router import LLMRouter
from llm_hub.router.target import Target
from llm_hub.router.target_health import Health

__all__ = ["Health", "LLMRouter", "Retry", "Target", "Timeouts"]
