"""What a tab shows of a conversation: two tabs may have the same one open, and each goes on from where it is.

Of a long conversation a tab shows the last turns: what an update costs grows with the turns that it shows, for the
server and, more so, for the browser. The reader can have all of it shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.conversations.turn import Turn


MIN_SHOWN = 20
"""Turns that are shown of a conversation, or all of a shorter one."""
FOLD_STEP = 10
"""Turns that are left out at once, so that what a reader sees does not move at each prompt."""


@dataclass(frozen=True, slots=True)
class ChatView:
    """The turns of a conversation up to the one with the number `leaf`, 0 for none.

    `is_whole` if the reader has asked for all of them. `told` are the numbers of the turns that the tab shows, None
    where any may have changed since: their update costs by far the most, for the server and the browser.
    """

    conversation: Conversation
    leaf: int
    is_whole: bool = False
    told: tuple[int, ...] | None = None

    @classmethod
    def newest(cls, conversation: Conversation) -> Self:
        """What was shown last, in whichever tab."""
        return cls(conversation, conversation.leaves.get(0, 0))

    @classmethod
    def up_to(cls, conversation: Conversation, leaf: Any, *, is_whole: bool = False, version: Any = None) -> Self:
        """Up to a turn that a browser names. What is not there is not taken: anybody can send anything. `version` is
        that of the conversation when the browser was told of it."""
        if type(leaf) is not int or not 0 <= leaf <= len(conversation.nodes):
            return cls(conversation, conversation.leaves.get(0, 0), is_whole)
        view = cls(conversation, leaf, is_whole)
        return (
            view if version != conversation.version else replace(view, told=tuple(node.number for node in view.shown))
        )

    def moved_to(self, leaf: int) -> Self:
        """The same tab, with another last turn."""
        return replace(self, leaf=leaf)

    @property
    def path(self) -> tuple[Node, ...]:
        """All turns, those too that are left out. A model is asked with all of them."""
        return self.conversation.path(leaf=self.leaf)

    @property
    def left_out(self) -> int:
        """How many of the first turns are not shown."""
        more = 0 if self.is_whole else len(self.path) - MIN_SHOWN
        return max(0, more // FOLD_STEP * FOLD_STEP)

    @property
    def shown(self) -> tuple[Node, ...]:
        return self.path[self.left_out :]

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
