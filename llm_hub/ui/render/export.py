"""Files that the page saves: Markdown for people, JSON for programs, a table for spreadsheets.

A model's text may attack whoever opens the file. The JSON holds everything exactly; characters that cannot be seen, or
that change how others are read, are escaped. The Markdown shows what the page shows: HTML is text and an image is a
link, so nothing is fetched or run. No text leaves its own place, and characters that cannot be seen are left out.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from llm_hub.ui.render.sanitize import safe_markdown, strip_invisible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.arena.ratings import Leaderboard

_HIDDEN = re.compile(
    "[\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters that are not seen, that turn the direction of what follows, or that are half of another. JSON itself
escapes those below a space."""
_FORMULA = re.compile("(^|[;,|] ?)(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
"""Where a spreadsheet begins a formula: also in wide letters, and after signs that some take for the end of a cell."""


@dataclass(frozen=True, slots=True)
class ExportedAnswer:
    """One turn of one side. `outcome` is "answered", "stopped" or "failed"; `figures` are plain numbers and words.
    `files` are the names of the prompt's documents."""

    prompt: str
    text: str
    outcome: str
    answered_by: str
    figures: dict[str, Any]
    problem: str = ""
    reasoning: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportedSide:
    """A pane: the target that was asked, and its conversation."""

    target: str
    answers: tuple[ExportedAnswer, ...]


@dataclass(frozen=True, slots=True)
class ExportRecord:
    """A comparison. `settings` are the same for all sides; an effort reached the models that know one."""

    at: str
    settings: dict[str, Any]
    vote: str
    sides: tuple[ExportedSide, ...]


def as_json(record: ExportRecord) -> str:
    """The whole record, exactly."""
    text = json.dumps(asdict(record), indent=2, ensure_ascii=False)
    return _HIDDEN.sub(lambda character: json.dumps(character.group())[1:-1], text) + "\n"


def as_markdown(record: ExportRecord) -> str:
    """Prompt by prompt, with every side's answer under its name."""
    lines = ["# Comparison", "", record.at, ""]
    settings = {name: value for name, value in record.settings.items() if value not in (None, "")}
    system = settings.pop("system", "")
    lines += [f"- {name}: {one_line(value)}" for name, value in settings.items()]
    if record.vote:
        lines.append(f"- vote: {one_line(record.vote)}")
    if system:
        lines += ["", "## System prompt", "", fenced(system)]
    for number, asked in enumerate(_prompts(record.sides), 1):
        lines += ["", f"## Prompt {number}", "", fenced(asked.prompt)]
        if asked.files:
            lines += ["", f"*With {one_line(', '.join(asked.files))}.*"]
        for side in record.sides:
            for answer in side.answers[number - 1 : number]:
                lines += ["", f"### {code_name(side.target)}", "", *_body(side, answer)]
    return "\n".join(lines) + "\n"


def as_csv(board: Leaderboard) -> str:
    """The ratings as a table for a spreadsheet."""
    rows = ["rank,model,rating,low,high,votes,wins,ties"]
    for rank, rating in enumerate(board.ratings, 1):
        numbers = f"{rating.rating:.1f},{rating.low:.1f},{rating.high:.1f},{rating.votes},{rating.wins},{rating.ties}"
        rows.append(f"{rank},{_cell(rating.target)},{numbers}")
    return "\r\n".join(rows) + "\r\n"


def _body(side: ExportedSide, answer: ExportedAnswer) -> list[str]:
    lines = []
    if answer.answered_by and answer.answered_by != side.target:
        lines += [f"**Answered by** {code_name(answer.answered_by)}", ""]
    if answer.text:
        lines += [quoted(answer.text), ""]
    if answer.outcome != "answered":
        lines += [f"*{answer.outcome}{f': {one_line(answer.problem)}' if answer.problem else ''}*", ""]
    figures = " · ".join(f"{name} {one_line(value)}" for name, value in answer.figures.items() if value is not None)
    return [*lines, figures] if figures else lines


def _prompts(sides: Sequence[ExportedSide]) -> tuple[ExportedAnswer, ...]:
    """The answers with every prompt in order, of the side that has the most: one that joined later lacks the first."""
    return max((side.answers for side in sides), key=len, default=())


def quoted(text: str) -> str:
    """An answer as a quotation. Nothing in it ends the quotation: no heading, and no fence that is never closed."""
    return "\n".join(f"> {line}".rstrip() for line in safe_markdown(strip_invisible(text)).splitlines())


def fenced(text: str) -> str:
    """Text as it is, between fences that do not occur in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{strip_invisible(text)}\n{fence}"


def code_name(text: str) -> str:
    """A name as code, which is shown letter by letter."""
    text = " ".join(strip_invisible(text).split())
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def one_line(value: Any) -> str:
    return safe_markdown(" ".join(strip_invisible(str(value)).split()))


def _cell(text: str) -> str:
    """A cell that is one line, and that no spreadsheet takes for a formula."""
    safe = _FORMULA.sub(r"\1'", " ".join(strip_invisible(text).split()))
    return '"' + safe.replace('"', '""') + '"'
