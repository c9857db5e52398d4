"""What a tab shows of a conversation: two tabs may have the same one open, and each goes on from where it is.

Of a long conversation a tab shows the last turns: what an update costs grows with the turns that it shows, for the
server and, more so, for the browser. The reader can have all of it shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.conversations.turn import Turn

MIN_SHOWN = 20
"""Turns that are shown of a conversation, or all of a shorter one."""
FOLD_STEP = 10
"""Turns that are left out at once, so that what a reader sees does not move at each prompt."""


class ShownTurns(NamedTuple):
    """What a tab shows: the conversation's id, its version by then, and the numbers of the turns."""

    id: str
    version: int
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChatView:
    """The turns of a conversation up to the one with the number `leaf`, 0 for none.

    `is_whole` if the reader has asked for all of them. `told` is what the tab says it shows, None where the
    conversation has changed since.
    """

    conversation: Conversation
    leaf: int
    is_whole: bool = False
    told: ShownTurns | None = None

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
        return replace(view, told=view.shown_turns) if version == conversation.version else view

    def moved_to(self, leaf: int) -> Self:
        """The same tab, with another last turn."""
        return replace(self, leaf=leaf)

    def given_after(self, before: ShownTurns | None) -> Self:
        """The same where the tab says that it shows what it was given last. Otherwise it is told all: it has turned
        elsewhere meanwhile, or was cut off."""
        return self if self.told == before else replace(self, told=None)

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
    def shown_turns(self) -> ShownTurns:
        """What a tab shows that has just been given this."""
        numbers = tuple(node.number for node in self.shown)
        return ShownTurns(self.conversation.id, self.conversation.version, numbers)

    @property
    def only_draft_is_new(self) -> bool:
        """Whether all that the tab does not show yet is the turn that is being answered."""
        return self.draft is not None and self.told is not None and self.told.numbers == self.shown_turns.numbers[:-1]

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
