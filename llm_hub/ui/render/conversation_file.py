"""Files of a conversation: Markdown, HTML to be printed, and the document itself, which LLM Hub reads again.

Markdown and HTML have the turns that are shown, and say how many other versions there are; the document has them all.
Nothing in a file is fetched, and no text in it is run.
"""

from __future__ import annotations

import base64
import re
import tempfile
import zipfile
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from llm_hub.conversations.document import encode, read_document, write_document
from llm_hub.conversations.hidden_names import hides_names
from llm_hub.ui.render.export import code_name, fenced, one_line, quoted
from llm_hub.ui.render.printed_markdown import printed_markdown
from llm_hub.ui.render.sanitize import html_text, strip_invisible

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.conversations.conversation import Conversation, Node

TYPES = {"markdown": "text/markdown", "json": "application/json", "html": "text/html"}
SUFFIXES = {"markdown": "md", "json": "json", "html": "html"}
MAX_NAME_CHARS = 60

_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_STYLE = """
:root { color-scheme: light; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color: #111; background: #fff; }
body { font: 11pt/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5em; } h2 { font-size: 1.1em; margin: 2em 0 .5em; } h3 { font-size: .95em; margin: 1.2em 0 .3em; }
h1, h2, h3, .text, .answer { overflow-wrap: anywhere; } .text, pre, .formula { white-space: pre-wrap; }
.answer :is(h1, h2, h3, h4, h5, h6) { font-size: 1em; margin: 1em 0 .3em; }
.answer :is(p, li, td, th, h1, h2, h3, h4, h5, h6) { unicode-bidi: plaintext; }
code { font: .9em ui-monospace, monospace; } pre, .answer :not(pre) > code { background: #f1f3f6; border-radius: .3em; }
pre { padding: .6em .8em; border: 1px solid #ccc; } .answer :not(pre) > code { padding: .1em .3em; }
table { border-collapse: collapse; } th, td { padding: .2em .6em; border: 1px solid #ccc; }
blockquote { margin-inline: 0; padding-inline-start: .8em; border-inline-start: 3px solid #ccc; }
.prompt { padding: .6em .8em; background: #f1f3f6; border-radius: .4em; } .quiet { color: #555; font-size: .9em; }
img { display: block; max-width: 100%; max-height: 20rem; margin: .5em 0; }
@media print {
  body { margin: 0; } .prompt { border: 1px solid #ccc; } h2, h3 { break-after: avoid; } tr { break-inside: avoid; }
}
"""


def write_file(conversation: Conversation, kind: str, redact: Callable[[str], str]) -> bytes:
    """The conversation as a file: `kind` is one of `TYPES`. `redact` takes keys out of what providers say."""
    if hides_names(conversation):  # then a file has no more than a browser may know
        conversation = read_document(write_document(conversation, redact=redact))
    if kind == "json":
        return encode(write_document(conversation, redact=redact)).encode()
    return {"markdown": as_markdown, "html": as_html}[kind](conversation).encode("utf-8", "replace")


class ZipArchive:
    """A ZIP of conversations, each as Markdown to be read and as JSON to be imported. It is written beside the memory
    where it is large."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(2**24)  # noqa: SIM115  # its reader closes it
        self._zip = zipfile.ZipFile(self.file, "w", zipfile.ZIP_DEFLATED)
        self._count = 0

    def add(self, conversation: Conversation, redact: Callable[[str], str]) -> None:
        self._count += 1
        name = f"{self._count:04} {file_name(conversation)}"
        for kind in ("markdown", "json"):
            self._zip.writestr(f"{kind}/{name}.{SUFFIXES[kind]}", write_file(conversation, kind, redact))

    def end(self) -> None:
        """Completes it, to be read from its `file`."""
        self._zip.close()
        self.file.seek(0)


def file_name(conversation: Conversation) -> str:
    """The title as a file's name on every system, without an ending."""
    name = _UNSAFE.sub(" ", strip_invisible(conversation.shown_title))
    name = " ".join(name.split())[:MAX_NAME_CHARS].strip(". ")
    return f"{name}_" if _RESERVED.fullmatch(name) else name or "Conversation"


def as_markdown(conversation: Conversation) -> str:
    """The turns that are shown, as text that no Markdown reader takes for anything else."""
    lines = [f"# {one_line(conversation.shown_title) or 'Conversation'}", "", _date(conversation.created_at)]
    for pane, path in _panes(conversation):
        if pane:
            lines += ["", f"# Pane {pane}"]
        for place, node in enumerate(path, 1):
            turn = node.turn
            lines += ["", f"## Prompt {place}{_versions(conversation, node)}", "", fenced(turn.prompt.text)]
            if turn.prompt.images or turn.prompt.documents:
                lines += ["", f"*{one_line(_attached(node))}*"]
            lines += ["", f"### {code_name(_target(node))}", ""]
            if turn.answer.reasoning:
                lines += ["Reasoning:", "", fenced(turn.answer.reasoning), ""]
            if turn.answer.text:
                lines += [quoted(turn.answer.text), ""]
            lines += [f"*{one_line(remark)}*" for remark in _remarks(node)]
    return "\n".join(lines) + "\n"


def as_html(conversation: Conversation) -> str:
    """A page to be printed, which needs nothing else. A prompt is as it was typed, an answer as it is read."""
    title = html_text(conversation.shown_title) or "Conversation"
    parts = [f"<h1>{title}</h1><p class=quiet>{_date(conversation.created_at)}</p>"]
    for pane, path in _panes(conversation):
        if pane:
            parts.append(f"<h1>Pane {pane}</h1>")
        for place, node in enumerate(path, 1):
            turn = node.turn
            parts.append(f"<h2>Prompt {place}{_versions(conversation, node)}</h2>{_text(turn.prompt.text, 'prompt')}")
            parts += [
                f'<img alt="" src="data:{html_text(image.media_type)};base64,{base64.b64encode(image.data).decode()}">'
                for image in turn.prompt.images
            ]
            if turn.prompt.documents:
                parts.append(f"<p class=quiet>{html_text(_attached(node))}</p>")
            parts.append(f"<h3>{html_text(_target(node))}</h3>")
            if turn.answer.reasoning:
                parts.append(f"<p class=quiet>Reasoning</p>{_text(turn.answer.reasoning, 'quiet')}")
            if turn.answer.text:
                parts.append(f'<div class=answer dir="auto">{printed_markdown(turn.answer.text)}</div>')
            parts += [f"<p class=quiet>{html_text(remark)}</p>" for remark in _remarks(node)]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="content-security-policy" content="default-src \'none\'; img-src data:; '
        'style-src \'unsafe-inline\'"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _panes(conversation: Conversation) -> list[tuple[int, tuple[Node, ...]]]:
    """The shown turns of each pane and its number from 1; 0 where there is one alone."""
    panes = sorted(pane for pane, leaf in conversation.leaves.items() if leaf)
    return [(pane + 1 if conversation.kind == "comparison" else 0, conversation.path(pane)) for pane in panes]


def _versions(conversation: Conversation, node: Node) -> str:
    versions = [version.number for version in conversation.versions(node)]
    return f" (version {versions.index(node.number) + 1} of {len(versions)})" if len(versions) > 1 else ""


def _target(node: Node) -> str:
    response, question = node.turn.answer.response, node.turn.question
    if response is not None and response.provider:
        return f"{response.provider}/{response.model}" if response.model else response.provider
    return question.target if question.provider else question.model or "Answer"


def _attached(node: Node) -> str:
    """The files of a prompt: images are counted, documents named."""
    count = len(node.turn.prompt.images)
    images = {0: [], 1: ["an image"]}.get(count, [f"{count} images"])
    return f"With {', '.join([*images, *(document.name for document in node.turn.prompt.documents)])}."


def _remarks(node: Node) -> list[str]:
    """What is to be known of an answer that is not whole."""
    turn = node.turn
    remarks = [turn.note] if turn.note else []
    match turn.outcome:
        case "failed":
            remarks.append(f"Failed: {getattr(turn.answer.error, 'message', '') or 'something went wrong'}")
        case "stopped":
            remarks.append("Stopped.")
        case "pending":
            remarks.append("This answer was still being written.")
        case "answered":
            pass
    return remarks


def _text(text: str, css_class: str) -> str:
    escaped = html_text(text).replace("&#10;", "\n")
    return f'<div class="text {css_class}" dir="auto">{escaped}</div>' if text else ""


def _date(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, ValueError, OSError):
        return ""
