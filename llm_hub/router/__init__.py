"""Every answer arrives while one healthy target is left: retry, fall back, resume, and tell."""

from llm_hub.router.circuit_breaker import Health
from llm_hub.router.retry import Retry
from llm_hub.router.router import LLMRouter, Target
from llm_hub.router.watch import Clocks

__all__ = ["Clocks", "Health", "LLMRouter", "Retry", "Target"]
