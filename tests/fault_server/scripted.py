"""Models that do what a test wants: `ok?as=scripted` what the script in its conversation says next, and `ok?as=judge`
compares two answers: it prefers the one of more words, or with `leans=first` the one that stands first.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fault_server.calls import Call, pieces

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from tests.fault_server.faults import Fault

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_ANSWERS = re.compile(r"<(?:first|second)>(.*?)</(?:first|second)>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model says, and the tool that it then calls; "" in the last turn, which ends the task."""

    text: str
    tool: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def tokens(self) -> list[str]:
        """The text as a model makes it: a token carries the space before its word."""
        return re.findall(r"\s*\S+", self.text)

    def calls(self, number: int, tools: Collection[str]) -> tuple[Call, ...]:
        """The turn's call, if the request offers its tool. `number` makes its id differ from those before."""
        if self.tool not in tools:
            return ()
        return (Call(f"call_{number}{self.tool}", self.tool, tuple(pieces(self.arguments))),)


def script(turns: Sequence[Turn]) -> str:
    """The part of a prompt that has the model take these turns, one for each result of a tool."""
    return f"<script>{json.dumps([asdict(turn) for turn in turns])}</script>"


def next_turn(fault: Fault, conversation: Sequence[tuple[str, str]], results: int) -> Turn | None:
    """The turn of the conversation's script after so many results of tools; None where no script is followed."""
    if fault.options.get("as") != "scripted":
        return None
    found = [match for _, text in conversation for match in _SCRIPT.findall(text)]
    turns = [Turn(**turn) for turn in json.loads(found[-1])] if found else [Turn("Yes.")]
    return turns[min(results, len(turns) - 1)]


def verdict_tokens(fault: Fault, prompt: str) -> list[str] | None:
    """What a judge says of the two answers in a prompt; None of who is no judge."""
    if fault.options.get("as") != "judge":
        return None
    first, second = (len(answer.split()) for answer in _ANSWERS.findall(prompt))
    honest = "FIRST" if first > second else "SECOND" if second > first else "TIE"
    return ["I", " compared", " them.", "\n", fault.options.get("leans", honest).upper()]
