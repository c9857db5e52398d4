"""What a tab shows of a conversation: two tabs may have the same one open, and each goes on from where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.conversations.turn import Turn


@dataclass(frozen=True, slots=True)
class ChatView:
    """The turns of a conversation up to the one with the number `leaf`, 0 for none."""

    conversation: Conversation
    leaf: int

    @classmethod
    def newest(cls, conversation: Conversation) -> Self:
        """What was shown last, in whichever tab."""
        return cls(conversation, conversation.leaves.get(0, 0))

    @classmethod
    def up_to(cls, conversation: Conversation, leaf: Any) -> Self:
        """Up to a turn that a browser names. What is not there is not taken: anybody can send anything."""
        is_there = type(leaf) is int and 0 <= leaf <= len(conversation.nodes)
        return cls(conversation, leaf) if is_there else cls.newest(conversation)

    @property
    def path(self) -> tuple[Node, ...]:
        return self.conversation.path(leaf=self.leaf)

    @property
    def draft(self) -> Turn | None:
        """The turn that is being answered, if there is one: it is the last."""
        turn = self.conversation.node(self.leaf).turn if self.leaf else None
        return turn if turn is not None and turn.outcome == "pending" else None

    @property
    def is_left_behind(self) -> bool:
        """Whether another tab has gone on from the last turn that this one shows."""
        conversation, leaf = self.conversation, self.leaf
        if conversation.leaves.get(0, 0) == leaf:
            return False
        return any(node.parent == leaf and node.pane == 0 for node in conversation.nodes)
