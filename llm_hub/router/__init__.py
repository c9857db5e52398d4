"""Every answer arrives while one healthy target is left: retry, fall back, resume, and tell."""

from llm_hub.router.circuit_breaker import Health
from llm_hub.router.deadlines import Clocks
from llm_hub.router.retry import Retry
from llm_hub.router.router import LLMRouter, Target

__all__ = ["Clocks", "Health", "LLMRouter", "Retry", "Target"]
