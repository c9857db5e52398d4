"""A comparison as the server keeps it for one visitor: the panes, what each was asked, and whether names are hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_hub.arena.blind import LETTERS
from llm_hub.chat import AttemptStarted, Resumed
from llm_hub.ui.chat.conversation import request

if TYPE_CHECKING:
    from llm_hub.arena.blind import Pace
    from llm_hub.chat import ChatRequest
    from llm_hub.ui.chat.conversation import Turn, Turns

MIN_PANES = 2
MAX_PANES = 4


@dataclass
class Pane:
    """One side. `draft` is the turn that is being answered; `running` says that somebody is writing it."""

    shown: bool = False
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

    def again(self) -> Turn | None:
        """Takes the last turn back, so that it can be asked once more."""
        if self.draft is not None or not self.turns:
            return None
        *before, last = self.turns
        self.turns = tuple(before)
        return last

    def request(self) -> ChatRequest:
        """What the hub is asked for the draft, with this pane's own history."""
        if self.draft is None:
            raise LookupError
        return request(self.turns, self.draft)

    @property
    def substitute(self) -> tuple[str, str] | None:
        """The provider and model that answered, in any turn, in the place of the chosen one."""
        return next((other for turn in self.all_turns if (other := substitute(turn))), None)


def substitute(turn: Turn) -> tuple[str, str] | None:
    """Who wrote (part of) an answer instead of the one that was asked for it."""
    chosen = turn.asked
    for event in turn.answer.route:
        if isinstance(event, AttemptStarted | Resumed) and (
            event.provider != chosen.provider or (chosen.model and event.model != chosen.model)
        ):
            return event.provider, event.model
    return None


def _target(turn: Turn) -> str:
    first = next((event for event in turn.answer.route if isinstance(event, AttemptStarted)), None)
    return f"{first.provider}/{first.model}" if first else turn.asked.target


@dataclass
class Comparison:
    """The truth of one visitor's Compare tab."""

    panes: list[Pane] = field(default_factory=lambda: [Pane(number < MIN_PANES) for number in range(MAX_PANES)])
    blind: bool = False
    hidden: bool = False
    """Whether the names are still hidden: from a blind comparison's first prompt until its vote."""
    voted: str = ""
    """What was voted, in the visitor's words."""
    pace: Pace | None = None
    wanted: tuple[int, int] = (0, 1)
    """The panes whose words somebody wanted to see side by side."""
    listing: dict[int, str] = field(default_factory=dict)
    """By pane, the provider whose models were asked for last: an answer for an earlier choice comes too late."""
    notes: dict[int, str] = field(default_factory=dict)
    """By pane, what keeps its provider from answering or its list from coming, as HTML."""

    @property
    def pair(self) -> tuple[int, int]:
        """The panes whose words are compared: the first two, where a wanted one has gone."""
        left, right, *_ = self.wanted if set(self.wanted) <= set(self.shown) else self.shown
        return left, right

    @property
    def shown(self) -> list[int]:
        """The numbers of the panes on the page."""
        return [number for number, pane in enumerate(self.panes) if pane.shown]

    @property
    def begun(self) -> bool:
        return any(pane.last for pane in self.panes)

    @property
    def running(self) -> int:
        """How many panes are being written."""
        return sum(pane.running for pane in self.panes)

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return any(pane.draft is not None for pane in self.panes)

    @property
    def targets(self) -> tuple[str, ...]:
        """Who was asked, by seat, as provider/model: a provider's default model by its name."""
        return tuple(_target(last) for number in self.shown if (last := self.panes[number].last))

    @property
    def unfair(self) -> str:
        """Why a vote would not mean anything now, "" if it would."""
        for number in self.shown:
            pane, who = self.panes[number], f"Answer {self.letter(number)}"
            if pane.substitute:
                return f"{who} came from another model than the one that was asked, so there is no vote on it."
            if any(turn.answer.error is not None for turn in pane.all_turns):
                return f"{who} failed, so there is no fair vote. Retry it, or show the names."
            if pane.last is None or not pane.last.answer.text.strip():
                return f"{who} has not said anything yet."
        targets = self.targets
        return "" if len(set(targets)) == len(targets) else "Two of these answers are by the same model."

    def letter(self, number: int) -> str:
        """What a pane is called while nobody may know more."""
        return LETTERS[self.shown.index(number)] if number in self.shown else ""

    def clear(self) -> None:
        """A new comparison with the same panes on the page."""
        self.panes = [Pane(pane.shown) for pane in self.panes]
        self.hidden, self.voted, self.pace, self.wanted = False, "", None, (0, 1)
