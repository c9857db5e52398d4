"""A comparison as a file to keep: Markdown for people, JSON for programs."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Answer:
    """One turn of one side. `outcome` is "answered", "stopped" or "failed"; `figures` are plain numbers and words."""

    prompt: str
    text: str
    outcome: str
    answered_by: str
    figures: dict[str, Any]
    problem: str = ""
    reasoning: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """A pane: the target that was asked, and its conversation."""

    target: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """All of it. `settings` are those that were the same for all sides."""

    at: str
    settings: dict[str, Any]
    vote: str
    sides: tuple[Side, ...]


def as_json(record: Record) -> str:
    return json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n"


def as_markdown(record: Record) -> str:
    """Prompt by prompt, with every side's answer under its name."""
    lines = ["# Comparison", "", record.at, ""]
    lines += [f"- {name}: {_line(value)}" for name, value in record.settings.items() if value not in (None, "")]
    if record.vote:
        lines.append(f"- vote: {record.vote}")
    for number, prompt in enumerate(_prompts(record.sides), 1):
        lines += ["", f"## Prompt {number}", "", _fenced(prompt)]
        for side in record.sides:
            for answer in side.answers[number - 1 : number]:
                lines += ["", f"### {side.target}", "", *_body(side, answer)]
    return "\n".join(lines) + "\n"


def _body(side: Side, answer: Answer) -> list[str]:
    lines = []
    if answer.answered_by and answer.answered_by != side.target:
        lines += [f"**Answered by {answer.answered_by}.**", ""]
    if answer.text:
        lines += [_quoted(answer.text), ""]
    if answer.outcome != "answered":
        lines += [f"*{answer.outcome}{f': {_line(answer.problem)}' if answer.problem else ''}*", ""]
    said = " · ".join(f"{name} {_line(value)}" for name, value in answer.figures.items() if value is not None)
    return [*lines, said] if said else lines


def _prompts(sides: Sequence[Side]) -> list[str]:
    """Every prompt, in order. A side that joined later has fewer, and its first is not the others' first."""
    longest = max((side.answers for side in sides), key=len, default=())
    return [answer.prompt for answer in longest]


def _quoted(text: str) -> str:
    """An answer as a quotation, so that its own headings do not become the document's."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _fenced(text: str) -> str:
    """Text as it is, between fences that do not occur in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _line(value: Any) -> str:
    return " ".join(str(value).split())
