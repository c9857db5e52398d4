"""Turns as the messages of a Gradio Chatbot.

Text goes out as text blocks, a workaround for Gradio 6.31.0: it strips and re-indents a bare string at every update, so
code would lose its indent, and the next update would send the whole message again. May go when:
tests/ui/gradio_fixes/test_server_side.py::test_gradio_reindents_a_message_that_is_a_bare_string fails.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from llm_hub.errors import LLMHubError, ProviderError
from llm_hub.ui.render import answer_stats, attempt_text
from llm_hub.ui.render.page_markdown import page_markdown
from llm_hub.ui.render.resume_marks import insert_resume_marks
from llm_hub.ui.render.sanitize import html_text, strip_invisible
from llm_hub.ui.render.source import with_source
from llm_hub.ui.render.unfinished_code import is_too_fast_to_read, plain_unfinished_code
from llm_hub.ui.texts import answers_texts as texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llm_hub.conversations.turn import Turn, Turns

MAX_SHOWN_CHARS = 6_000
"""Characters of a prompt that the page shows. The provider gets all of it."""
_THOUGHTS_END = re.compile(r"(?m)(?:^[ \t]*|(?<=[^\s\"'`(\[{<\u201c\u2018\xab]))</think>[ \t]*\n*")
"""At the beginning of a line, or right behind the last word: a tag that is spoken of stands apart or in quotes."""
_FENCE = re.compile(r"(?m)^[ >\t]*(?:```|~~~)")
TRY_AGAIN = "try-again"

Message = dict[str, Any]
"""A message as `gr.Chatbot` takes it."""


def list_turn_messages(turn: Turn, titles: Mapping[str, str], actions: str = "") -> list[Message]:
    """The messages of one turn: the prompt, the reasoning, the answer, the error, the line under an ended answer.

    `actions` is HTML for the end of that line: the turn's buttons.
    """
    return [message for message in _messages(turn, titles, actions) if message["content"]]


def list_messages(turns: Turns, titles: Mapping[str, str]) -> list[Message]:
    """The messages of a whole conversation."""
    return [message for turn in turns for message in list_turn_messages(turn, titles)]


def find_turn_number(index: int, turns: Turns) -> int | None:
    """The number of the turn that the message at `index` of the conversation belongs to; the browser sends it."""
    end = 0
    for number, turn in enumerate(turns):
        end += len(list_turn_messages(turn, {}))
        if 0 <= index < end:
            return number
    return None


def prompt_message(turn: Turn) -> Message:
    """The prompt as it was typed, which is not Markdown, below its images and the names of its documents."""
    text = turn.prompt.text
    names = "".join(f"<span>{html_text(document.name)}</span>" for document in turn.prompt.documents)
    attached = f'<div class="attached">{names}</div>' if names else ""
    typed = f'<div class="typed">{html_text(_shorten(text))}</div>' if text else ""
    shown = with_source(f"{attached}{typed}", text)
    images = ({"path": file, "alt_text": texts.ATTACHED_IMAGE} for file in turn.files)
    return {"role": "user", "content": [*images, *([_text_block(shown)] if text or names else ())]}


def answer_message(turn: Turn, titles: Mapping[str, str]) -> Message:
    """The answer, with its source once it has ended: a growing one would go out whole at every update."""
    _, text = split_thoughts(turn.answer.text)
    before = len(turn.answer.text) - len(text)
    notes = {at - before: note for at, note in attempt_text.resume_notes(turn, titles).items() if at >= before}
    shown = insert_resume_marks(text, notes)
    if turn.outcome != "pending":
        shown = with_source(shown, strip_invisible(text))
    elif is_too_fast_to_read(text, turn.answer.elapsed - (turn.answer.first_token or 0)):
        shown = plain_unfinished_code(shown)
    return _assistant_message(_text_block(shown))


def _messages(turn: Turn, titles: Mapping[str, str], actions: str) -> Iterator[Message]:
    answer = turn.answer
    yield prompt_message(turn)
    thoughts, text = split_thoughts(answer.text)
    if reasoning := "\n\n".join(filter(None, (answer.reasoning, thoughts))):
        shown = page_markdown(reasoning)
        yield _assistant_message(_text_block(shown), metadata=_reasoning_metadata(turn))
    if text:
        yield answer_message(turn, titles)
    if turn.outcome == "failed":
        yield _assistant_message(_text_block(_error_html(answer.error, "" if turn.is_history else texts.LEFT_OUT)))
    if turn.outcome != "pending":
        again = [{"value": TRY_AGAIN, "label": texts.TRY_AGAIN}] if turn.outcome == "failed" else None
        line = answer_stats.render_stats_line(turn, titles, actions=actions)
        yield _assistant_message(_text_block(line), options=again)


def split_thoughts(text: str) -> tuple[str, str]:
    """Thoughts that end in `</think>` without having begun, and the answer after them.

    The prompts of some models hold the beginning. Only the page knows: the text has long gone out when the end comes.
    """
    if "</think>" not in text:
        return "", text
    at = fences = ticks = 0  # how far it has been read, and what code was begun or ended by then
    for tag in _THOUGHTS_END.finditer(text):
        before, at = at, tag.start()
        if "<think>" in text[before:at]:
            break
        fences += len(_FENCE.findall(text, before, at))
        line = text.rfind("\n", before, at) + 1
        ticks = text.count("`", line, at) if line else ticks + text.count("`", before, at)
        if fences % 2 == 0 and ticks % 2 == 0:
            return text[:at].strip(), text[tag.end() :]
    return "", text


def _text_block(text: str) -> Message:
    return {"type": "text", "text": text}


def _assistant_message(*content: Message, **more: Any) -> Message:
    return {"role": "assistant", "content": list(content), **more}


def _reasoning_metadata(turn: Turn) -> Message:
    done = turn.answer.reasoned is not None or turn.outcome != "pending"
    if not done:
        return {"title": texts.THINKING, "status": "pending"}
    reasoned = turn.answer.elapsed if turn.answer.reasoned is None else turn.answer.reasoned
    return {"title": texts.REASONING, "status": "done", "duration": round(reasoned, 1)}


def _shorten(text: str) -> str:
    if len(text) <= MAX_SHOWN_CHARS:
        return text
    return f"{text[: MAX_SHOWN_CHARS // 2]}\n\n… ({len(text):,} characters in all, and all of them are sent)"


def _error_html(error: BaseException | None, note: str) -> str:
    """An error in the place of the answer: what happened, the provider's own words, the next step, and a note."""
    if not isinstance(error, LLMHubError):
        error = LLMHubError(texts.INTERNAL_ERROR, hint=texts.INTERNAL_ERROR_HINT)
    detail = error.detail if isinstance(error, ProviderError) else ""
    return "".join(
        (
            '<div class="problem">',
            f'<div class="what">{_one_line(error.message)}</div>',
            f'<div class="detail">{_one_line(detail)}</div>' if detail and detail not in error.message else "",
            f'<div class="hint">{_one_line(error.hint)}</div>' if error.hint else "",
            f'<div class="hint">{note}</div>' if note else "",
            "</div>",
        )
    )


def _one_line(text: str) -> str:
    """Text in one line. Inside HTML in Markdown, a blank line would end the HTML."""
    return " ".join(html_text(text).split())
