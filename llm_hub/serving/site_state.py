"""Where the site is in its life: it starts, is ready or has failed, and stops. `/health` reports it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.ui.page import Page


@dataclass(slots=True)
class SiteState:
    """What is true of the whole site at the moment."""

    page: Page | None = None
    """None until it is built."""
    failed: bool = False
    """The page could not be built. The API answers all the same."""
    stopping: bool = False
    """No new request is taken."""

    def health(self) -> tuple[int, str]:
        """The status and the word for `/health`: are requests taken? The API answers while the page is built."""
        if self.stopping:
            return 503, "stopping"
        if self.failed or (self.page is not None and self.page.blocks._queue.stopped):  # noqa: SLF001  # no public way
            return 503, "failed"
        return 200, "starting" if self.page is None else "ready"

    def readiness(self) -> tuple[int, str]:
        """For `/health/ready`: the page is there as well, and no import holds up what is asked."""
        status, word = self.health()
        return (503 if word == "starting" else status), word


def liveness() -> tuple[int, str]:
    """For `/health/live`: the process answers, whatever else it can do."""
    return 200, "live"
