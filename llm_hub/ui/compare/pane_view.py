"""What a pane of the comparison shows. In a blind comparison, nothing tells who answers before the vote."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.ui import uploads
from llm_hub.ui.chat.turn_actions import render_versions
from llm_hub.ui.render import answer_stats, transcript
from llm_hub.ui.render.difference import difference_html
from llm_hub.ui.render.formats import format_target
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.conversations.coalescer import Snapshot
    from llm_hub.conversations.turn import Turn
    from llm_hub.ui.compare.comparison import Comparison


def render_heading(comparison: Comparison, number: int, titles: Mapping[str, str]) -> str:
    """A pane's heading: a letter while names are hidden, later the target asked, and the one that answered instead.

    Before anything was asked, it is a note about what will keep the pane from answering, if there is one.
    """
    pane = comparison.pane(number)
    if pane.last is None:
        return comparison.notes.get(number, "")
    if not comparison.blind:
        return _substitute_mark(pane.substitute, titles)
    letter = f'<span class="letter">Answer {comparison.letter(number)}</span>'
    if comparison.hidden:
        return letter
    question = pane.last.question
    title = html_text(format_target(question.provider, question.model, titles))
    return f"{letter}<b>{title}</b>{_substitute_mark(pane.substitute, titles)}"


def list_past_messages(comparison: Comparison, number: int, titles: Mapping[str, str]) -> list[transcript.Message]:
    """The messages of a pane's turns that are over, with the way to their versions."""
    messages: list[transcript.Message] = []
    for node in comparison.past_nodes(number):
        versions = "" if comparison.conversation is None else render_versions(comparison.conversation, node)
        versions = versions and f'<span class="turn-actions">{versions}</span>'
        if not comparison.hidden:
            messages += transcript.list_turn_messages(uploads.with_images(node.turn), titles, versions)
            continue
        messages += _anonymous_messages(uploads.with_images(node.turn), node.turn.answer)
        if versions:
            messages.append(_line(versions))
    return messages


def list_live_messages(
    comparison: Comparison, turn: Turn, titles: Mapping[str, str], view: Snapshot | None = None
) -> list[transcript.Message]:
    """The messages of the turn that is being answered, as far as `view` goes."""
    if comparison.hidden:
        return _anonymous_messages(turn, view or turn.answer)
    return transcript.list_turn_messages(turn, titles)


def render_status(comparison: Comparison, number: int, titles: Mapping[str, str], view: Snapshot | None = None) -> str:
    """The line under a pane: progress while it is answered, and its figures for screen readers when it ends."""
    pane = comparison.pane(number)
    turn = pane.draft
    if turn is None:
        return (
            ""
            if comparison.hidden or pane.last is None
            else answer_stats.render_stats_line(pane.last, titles, spoken=True)
        )
    if comparison.hidden:
        activity = texts.IS_WRITING if (view or turn.answer).text else texts.IS_COMING
        return f'<div class="figures busy"><span>Answer {comparison.letter(number)} {activity}…</span></div>'
    return answer_stats.render_stats_line(turn, titles)


def _anonymous_messages(turn: Turn, view: Snapshot) -> list[transcript.Message]:
    """A turn without what could tell who wrote it: its reasoning, its figures and the text of an error."""
    bare = replace(turn, answer=replace(view, reasoning="", route=(), response=None, error=None, waiting=""))
    messages = [transcript.prompt_message(turn), *([transcript.answer_message(bare, {})] if view.text else ())]
    if turn.outcome == "failed":
        messages.append(_note(texts.FAILED))
    elif turn.outcome == "stopped":
        messages.append(_note(texts.STOPPED))
    return messages


def _note(text: str) -> transcript.Message:
    return _line(f"<span>{html_text(text)}</span>")


def _line(html: str) -> transcript.Message:
    return {"role": "assistant", "content": [{"type": "text", "text": f'<div class="figures">{html}</div>'}]}


def _substitute_mark(substitute: tuple[str, str] | None, titles: Mapping[str, str]) -> str:
    """That another target answered than the one that was asked."""
    if substitute is None:
        return ""
    title = html_text(format_target(*substitute, titles))
    return texts.FELL_BACK.format(title=title)


def render_difference(comparison: Comparison, left: int, right: int) -> str:
    """The last answers of two panes as one text, with the words marked that only one of them has."""
    first, second = (comparison.pane(number).last for number in (left, right))
    if comparison.hidden or first is None or second is None or not (first.answer.text and second.answer.text):
        return texts.NO_DIFFERENCES
    letters = (comparison.letter(left), comparison.letter(right))
    return difference_html(first.answer.text, second.answer.text, letters)
