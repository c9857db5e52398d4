"""A blind comparison before its vote: what a browser may know of it.

Who answers in which pane stays on the server until the vote, or until the names are shown without one. A document on
its way to a browser has the prompts and as much of the answers as may be seen, and neither names, figures, reasoning,
attempts nor errors. After the vote all turns count as changed, so that a browser fetches them whole.

A browser that hands such a document back has no names to give. The server takes it over only where it has lost its own
(it was started again): then the names are gone, and there is no vote, since answers that a browser wrote itself must
not count. In the hub's own database everything is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.conversations.conversation import Conversation, Node

NAMES_LOST = "There was no vote. LLM Hub does not know any more which model wrote which answer."
_SHOWN = ("system", "temperature", "max_tokens")


def hides_names(conversation: Conversation) -> bool:
    """Whether it is a blind comparison that waits for its vote."""
    return conversation.kind == "comparison" and conversation.setup.get("hidden") is True


def hide_names(conversation: Conversation, node: Node, turn: Mapping[str, Any]) -> dict[str, Any]:
    """A turn's document without what could tell who answered, and with no more of its text than may be seen."""
    question = turn["question"]
    text, outcome = node.turn.answer.text, node.turn.outcome
    if (pace := conversation.paced.get(node.number)) is not None and outcome != "stopped":
        text = text[: pace.characters()]
    end: dict[str, Any] = {"answered": {"response": {}}, "failed": {"error": {"message": "It could not answer."}}}
    return {
        "prompt": turn["prompt"],
        "question": {name: question[name] for name in _SHOWN if name in question},
        "outcome": outcome,
        **({"text": text} if text else {}),
        **end.get(outcome, {}),
    }


def give_up_names(conversation: Conversation) -> None:
    """Ends the waiting for a vote in a comparison whose names the server does not have."""
    if hides_names(conversation):
        conversation.set_up(blind=False, hidden=False, vote_text=NAMES_LOST)
