"""Why a limit refuses a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from llm_hub.errors import LLMHubError
from llm_hub.usage.amounts import duration_text

if TYPE_CHECKING:
    from llm_hub.errors import ConfigurationError


class LimitReached(LLMHubError):
    """Not now: `retry_after` seconds from now the limit's minute or day is over."""

    kind: ClassVar[str] = "limit_reached"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message, hint=f"Try again in {duration_text(retry_after)}.")
        self.retry_after = retry_after


class LimitNotKept(LLMHubError):
    """A limit of money that a killed hub would forget, since the database can be neither read nor written."""

    kind: ClassVar[str] = "limit_not_kept"
    retry_after = 10.0
    """Seconds."""

    def __init__(self, problem: ConfigurationError) -> None:
        super().__init__(
            "This hub answers up to a limit of money, and cannot keep record of what is spent at present: "
            f"{problem.message}",
            hint="Try again in a moment. The owner of the hub has to mend its database.",
        )
