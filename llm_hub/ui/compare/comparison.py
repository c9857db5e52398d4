"""A comparison as a tab of the page shows it: the panes, their turns, and whether names are hidden.

What lasts is in its `Conversation`: pane N's turns are those of its pane N, and `Setup` is what it has beside them.
What only this tab has, such as the two answers that are compared word by word, is in the `Comparison`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llm_hub.arena.blind import LETTERS
from llm_hub.chat import AttemptStarted, Resumed
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.conversations.conversation import CommonPace, Conversation, Node
    from llm_hub.conversations.turn import Turn, Turns

MIN_PANES = 2
MAX_PANES = 4


MAX_VOTE_TEXT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Setup:
    """What a comparison has beside its turns. `visible` are the numbers of the panes on the page.

    `hidden` says whether the names are still hidden: from a blind comparison's first prompt until its vote. `vote_text`
    is what was voted, in words for the visitor.
    """

    visible: tuple[int, ...] = tuple(range(MIN_PANES))
    blind: bool = False
    hidden: bool = False
    vote_text: str = ""

    @classmethod
    def read(cls, setup: Mapping[str, Any]) -> Setup:
        """The setup of a conversation. What is of a wrong shape is left out: it may come from anybody's file."""
        listed, vote_text = setup.get("visible"), setup.get("vote_text")
        numbers = {number for number in listed if type(number) is int} if isinstance(listed, list | tuple) else set()
        visible = tuple(sorted(numbers & set(range(MAX_PANES))))
        return cls(
            visible if len(visible) >= MIN_PANES else cls().visible,
            blind=setup.get("blind") is True,
            hidden=setup.get("blind") is True and setup.get("hidden") is True,
            vote_text=vote_text[:MAX_VOTE_TEXT_CHARS] if isinstance(vote_text, str) else "",
        )

    def write(self) -> dict[str, Any]:
        return {**asdict(self), "visible": list(self.visible)}


@dataclass(frozen=True, slots=True)
class Pane:
    """One side. `draft` is the turn that is being answered, or still being shown at the common pace."""

    visible: bool = False
    turns: Turns = ()
    draft: Turn | None = None

    @property
    def all_turns(self) -> Turns:
        return self.turns if self.draft is None else (*self.turns, self.draft)

    @property
    def last(self) -> Turn | None:
        return self.draft or (self.turns[-1] if self.turns else None)

    @property
    def substitute(self) -> tuple[str, str] | None:
        """The provider and model that answered, in any turn, in the place of the chosen one."""
        return next((other for turn in self.all_turns if (other := find_substitute(turn))), None)


def find_substitute(turn: Turn) -> tuple[str, str] | None:
    """The provider and model that wrote (part of) an answer in the place of the chosen one."""
    chosen = turn.question
    for event in turn.answer.route:
        if isinstance(event, AttemptStarted | Resumed) and (
            event.provider != chosen.provider or (chosen.model and event.model != chosen.model)
        ):
            return event.provider, event.model
    return None


def _target(turn: Turn) -> str:
    first = next((event for event in turn.answer.route if isinstance(event, AttemptStarted)), None)
    return f"{first.provider}/{first.model}" if first else turn.question.target


@dataclass
class Comparison:
    """One tab's comparison. Panes are numbered from 0. There is a conversation from the first prompt on."""

    conversation: Conversation | None = None
    prepared: Setup = Setup()
    """The setup of a new comparison, until its first prompt."""
    chosen_pair: tuple[int, int] = (0, 1)
    """The panes that the visitor chose to see word by word."""
    awaited_lists: dict[int, str] = field(default_factory=dict)
    """By pane, the provider whose models it waits for: an answer for an earlier choice comes too late."""
    notes: dict[int, str] = field(default_factory=dict)
    """By pane, what keeps its provider from answering or its list from coming, as HTML."""
    revision: int = 0
    """Counts the changes that the page is told of. See `CompareScreen.request_refresh`."""
    changed_panes: set[int] = field(default_factory=set)
    """The panes that have changed since the page last showed them."""
    unfinished_panes: set[int] = field(default_factory=set)
    """The panes that the page has been shown as busy since it opened the comparison."""
    wanted: int = 0
    """The number of the page's last wish: see `OpenWish`."""
    told_at: float = float("-inf")
    """When the page last heard how far the answers have come."""

    def show(self, conversation: Conversation | None) -> None:
        """Another comparison is shown from now on; None: a new one, with the same panes on the page."""
        if conversation is None:
            self.prepared = Setup(self.setup.visible)
        self.conversation, self.chosen_pair = conversation, (0, 1)

    # What lasts.

    @property
    def setup(self) -> Setup:
        return self.prepared if self.conversation is None else Setup.read(self.conversation.setup)

    def set_up(self, **changes: Any) -> None:
        setup = replace(self.setup, **changes)
        if self.conversation is None:
            self.prepared = setup
        else:
            self.conversation.set_up(**setup.write())

    def last_node(self, number: int) -> Node | None:
        """The last turn of a pane, in its place."""
        return None if self.conversation is None else next(iter(self.conversation.path(number)[-1:]), None)

    def pane(self, number: int) -> Pane:
        visible = number in self.setup.visible
        path = () if self.conversation is None else self.conversation.path(number)
        turns = tuple(node.turn for node in path)
        if not path or not self._is_draft(path[-1]):
            return Pane(visible, turns)
        return Pane(visible, turns[:-1], turns[-1])

    def past_nodes(self, number: int) -> tuple[Node, ...]:
        """The turns of a pane that are over, in their places."""
        path = () if self.conversation is None else self.conversation.path(number)
        return path[: len(self.pane(number).turns)]

    def _is_draft(self, node: Node) -> bool:
        """Whether a turn is being answered or, if names are hidden, not all of its text may be seen yet."""
        turn, pace = node.turn, self.pace(node)
        if pace is None or turn.outcome in ("pending", "stopped"):
            return turn.outcome == "pending"
        return pace.characters() < len(turn.answer.text)

    def pace(self, node: Node) -> CommonPace | None:
        """The pace at which a turn's text is shown; None: as it comes."""
        return None if self.conversation is None or not self.hidden else self.conversation.paced.get(node.number)

    @property
    def panes(self) -> list[Pane]:
        return [self.pane(number) for number in range(MAX_PANES)]

    @property
    def blind(self) -> bool:
        return self.setup.blind

    @property
    def hidden(self) -> bool:
        return self.setup.hidden

    @property
    def vote_text(self) -> str:
        return self.setup.vote_text

    @property
    def pair(self) -> tuple[int, int]:
        """The panes that are compared word by word: the first two, where a chosen one has gone."""
        visible = self.visible_panes
        left, right, *_ = self.chosen_pair if set(self.chosen_pair) <= set(visible) else visible
        return left, right

    @property
    def visible_panes(self) -> list[int]:
        """The numbers of the panes on the page."""
        return list(self.setup.visible)

    @property
    def has_begun(self) -> bool:
        return any(pane.last for pane in self.panes)

    @property
    def busy_count(self) -> int:
        """In how many panes an answer is still to come, or to be shown."""
        return sum(pane.draft is not None for pane in self.panes)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self.busy_count > 0

    @property
    def targets(self) -> tuple[str, ...]:
        """What each visible pane asked last, as provider/model: a provider's default model by its name."""
        return tuple(_target(last) for number in self.visible_panes if (last := self.pane(number).last))

    @property
    def effort(self) -> str:
        """The reasoning effort that was asked for last, in the panes whose models know one; "" for their own."""
        last = (pane.last for pane in self.panes if pane.visible)
        return next((turn.question.effort for turn in last if turn and turn.question.effort), "")

    @property
    def unfair_reason(self) -> str:
        """Why a vote would not mean anything now, "" if it would."""
        for number in self.visible_panes:
            pane, name = self.pane(number), f"Answer {self.letter(number)}"
            if pane.substitute:
                return texts.SUBSTITUTED.format(name=name)
            if any(turn.answer.error is not None for turn in pane.all_turns):
                return texts.UNFAIR.format(name=name)
            if pane.last is None or not pane.last.answer.text.strip():
                return texts.STILL_EMPTY.format(name=name)
        targets = self.targets
        return "" if len(set(targets)) == len(targets) else texts.SAME_MODEL

    def letter(self, number: int) -> str:
        """What a pane is called while its name is hidden."""
        visible = self.visible_panes
        return LETTERS[visible.index(number)] if number in visible else ""
