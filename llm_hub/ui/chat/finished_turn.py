"""The end of a turn: its outcome and its prices are set."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.errors import LLMHubError
from llm_hub.ui.render import attempt_text

if TYPE_CHECKING:
    from llm_hub.access.session import Session
    from llm_hub.conversations.turn import Turn

log = logging.getLogger(__name__)


def finish_turn(draft: Turn, session: Session) -> Turn:
    """The draft as a finished turn. A fault of the hub itself is logged."""
    error, response = draft.answer.error, draft.answer.response
    if error is not None and not isinstance(error, LLMHubError):
        log.error("An answer failed inside the hub.", exc_info=error)
    turn = draft.with_outcome()
    return replace(
        turn,
        prices=tuple(session.prices.of(attempt) for attempt in attempt_text.list_attempts(turn)),
        price=session.prices.of(response) if response is not None else turn.price,
    )
