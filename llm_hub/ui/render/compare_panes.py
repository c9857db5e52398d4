"""What a pane of the comparison shows, as far as it may be known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.arena import diff
from llm_hub.ui.render import answer_stats, transcript
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.ui.chat.conversation import Turn, Turns
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.streaming.coalescer import Snapshot


def head(comparison: Comparison, number: int, titles: Mapping[str, str]) -> str:
    """A pane's name: a letter while it must not be known, then who was asked, and who answered in its place.

    Before anything was asked, what is known to be in the way.
    """
    pane = comparison.panes[number]
    if pane.last is None:
        return comparison.notes.get(number, "")
    if not comparison.blind:
        return _mark(pane.substitute, titles)
    letter = f'<span class="letter">Answer {comparison.letter(number)}</span>'
    if comparison.hidden:
        return letter
    asked = pane.last.question
    name = html_text(answer_stats.name(asked.provider, asked.model, titles))
    return f"{letter}<b>{name}</b>{_mark(pane.substitute, titles)}"


def past(comparison: Comparison, turns: Turns, titles: Mapping[str, str]) -> list[transcript.Message]:
    """The turns of a pane that are over."""
    if comparison.hidden:
        return [message for turn in turns for message in _hidden(turn, turn.answer)]
    return transcript.log(turns, titles)


def live(
    comparison: Comparison, turn: Turn, titles: Mapping[str, str], view: Snapshot | None = None
) -> list[transcript.Message]:
    """The turn that is being answered, as far as `view` goes."""
    if comparison.hidden:
        return _hidden(turn, view or turn.answer)
    return transcript.messages(turn, titles)


def progress(comparison: Comparison, number: int, titles: Mapping[str, str], view: Snapshot | None = None) -> str:
    """The line under a pane while it is answered, and for a screen reader when it ends."""
    pane = comparison.panes[number]
    turn = pane.draft
    if turn is None:
        return "" if comparison.hidden or pane.last is None else answer_stats.line(pane.last, titles)
    if comparison.hidden:
        what = "is writing" if (view or turn.answer).text else "is coming"
        return f'<div class="figures busy"><span>Answer {comparison.letter(number)} {what}…</span></div>'
    return answer_stats.line(turn, titles)


def _hidden(turn: Turn, view: Snapshot) -> list[transcript.Message]:
    """A turn without anything that says who wrote it: neither its reasoning, nor its figures, nor an error's words."""
    bare = replace(view, reasoning="", route=(), response=None, error=None, waiting="")
    messages = transcript.messages(replace(turn, answer=bare, outcome="pending"), {})
    if turn.outcome == "failed":
        messages.append(_said("This model could not answer. Why not is shown with its name."))
    elif turn.outcome == "stopped":
        messages.append(_said("Stopped."))
    return messages


def _said(text: str) -> transcript.Message:
    content = [{"type": "text", "text": f'<div class="figures"><span>{html_text(text)}</span></div>'}]
    return {"role": "assistant", "content": content}


def _mark(other: tuple[str, str] | None, titles: Mapping[str, str]) -> str:
    if other is None:
        return ""
    return (
        f'<span class="fell-back" role="note">Fell back: {html_text(answer_stats.name(*other, titles))} answered</span>'
    )


def difference(comparison: Comparison, left: int, right: int) -> str:
    """The last answers of two panes as one text, with what each says alone marked."""
    one, other = (comparison.panes[number].last for number in (left, right))
    if comparison.hidden or one is None or other is None or not (one.answer.text and other.answer.text):
        return '<p class="none">Two answers are needed for a comparison of their words.</p>'
    pieces = diff.words(one.answer.text, other.answer.text)
    tags = {"same": "span", "removed": "del", "added": "ins"}
    text = "".join(f"<{tags[kind]}>{html_text(words)}</{tags[kind]}>" for kind, words in pieces)
    cut = max(len(one.answer.text.split()), len(other.answer.text.split())) > diff.MAX_WORDS
    part = f"Of the first {diff.MAX_WORDS:,} words, " if cut else ""
    share = f"{part}{100 * diff.alike(pieces):.0f} % of the words are the same"
    key = f"<del>only {comparison.letter(left)}</del> <ins>only {comparison.letter(right)}</ins>"
    return f'<p class="key">{share} · {key}</p><div class="difference">{text}</div>'
