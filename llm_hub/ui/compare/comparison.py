"""A comparison as the server keeps it for one visitor: the panes, their turns, and whether names are hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_hub.arena.blind import LETTERS
from llm_hub.chat import AttemptStarted, Resumed
from llm_hub.ui.conversation import chat_request

if TYPE_CHECKING:
    from llm_hub.arena.blind import Pace
    from llm_hub.chat import ChatRequest
    from llm_hub.ui.conversation import Turn, Turns

MIN_PANES = 2
MAX_PANES = 4


@dataclass
class Pane:
    """One side. `draft` is the turn that is being answered; `running` says that a handler is writing it."""

    visible: bool = False
    turns: Turns = ()
    draft: Turn | None = None
    running: bool = False

    @property
    def all_turns(self) -> Turns:
        return self.turns if self.draft is None else (*self.turns, self.draft)

    @property
    def last(self) -> Turn | None:
        return self.draft or (self.turns[-1] if self.turns else None)

    def begin(self, turn: Turn) -> None:
        self.draft = turn

    def take_back(self) -> Turn | None:
        """Removes the last turn and returns it, so that it can be asked once more."""
        if self.draft is not None or not self.turns:
            return None
        *before, last = self.turns
        self.turns = tuple(before)
        return last

    def request(self) -> ChatRequest:
        """The request that asks the draft, with this pane's own history."""
        if self.draft is None:
            raise LookupError
        return chat_request(self.turns, self.draft)

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
    """One visitor's comparison. Panes are numbered from 0."""

    panes: list[Pane] = field(default_factory=lambda: [Pane(number < MIN_PANES) for number in range(MAX_PANES)])
    blind: bool = False
    hidden: bool = False
    """Whether the names are still hidden: from a blind comparison's first prompt until its vote."""
    vote_text: str = ""
    """What was voted, in words for the visitor."""
    pace: Pace | None = None
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

    @property
    def pair(self) -> tuple[int, int]:
        """The panes that are compared word by word: the first two, where a chosen one has gone."""
        visible = self.visible_panes
        left, right, *_ = self.chosen_pair if set(self.chosen_pair) <= set(visible) else visible
        return left, right

    @property
    def visible_panes(self) -> list[int]:
        """The numbers of the panes on the page."""
        return [number for number, pane in enumerate(self.panes) if pane.visible]

    @property
    def has_begun(self) -> bool:
        return any(pane.last for pane in self.panes)

    @property
    def running_count(self) -> int:
        """How many panes are being written."""
        return sum(pane.running for pane in self.panes)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return any(pane.draft is not None for pane in self.panes)

    @property
    def targets(self) -> tuple[str, ...]:
        """What each visible pane asked last, as provider/model: a provider's default model by its name."""
        return tuple(_target(last) for number in self.visible_panes if (last := self.panes[number].last))

    @property
    def unfair_reason(self) -> str:
        """Why a vote would not mean anything now, "" if it would."""
        for number in self.visible_panes:
            pane, name = self.panes[number], f"Answer {self.letter(number)}"
            if pane.substitute:
                return f"{name} came from another model than the one that was asked, so there is no vote on it."
            if any(turn.answer.error is not None for turn in pane.all_turns):
                return f"{name} failed, so there is no fair vote. Retry it, or show the names."
            if pane.last is None or not pane.last.answer.text.strip():
                return f"{name} has not said anything yet."
        targets = self.targets
        return "" if len(set(targets)) == len(targets) else "Two of these answers are by the same model."

    def letter(self, number: int) -> str:
        """What a pane is called while its name is hidden."""
        visible = self.visible_panes
        return LETTERS[visible.index(number)] if number in visible else ""

    def clear(self) -> None:
        """A new comparison with the same panes on the page."""
        self.panes = [Pane(pane.visible) for pane in self.panes]
        self.hidden, self.vote_text, self.pace, self.chosen_pair = False, "", None, (0, 1)
