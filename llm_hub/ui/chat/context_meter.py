"""The line under the prompt while one is typed: what of the model's window the request fills, and what it costs.

The answers of the conversation tell how their model counts: its next request begins with the last one and its answer.
Only what came since is estimated. What cannot be told within 20 % the line calls unknown.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.chat import split_target
from llm_hub.conversations.turn import Question, Turn, chat_request
from llm_hub.conversations.turn_document import prompt_message
from llm_hub.documents.kinds import find_kind
from llm_hub.errors import LLMHubError
from llm_hub.ui import uploads
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.render.formats import format_price
from llm_hub.ui.texts import chat_texts as texts
from llm_hub.ui.texts.answers_texts import PRICE_UNKNOWN
from llm_hub.usage.prompt_tokens import TokenEstimate, estimate_messages, request_form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest, Message, Usage
    from llm_hub.ui.chat.chat_screen import ChatScreen

NOTICE = """
window.llmHub = window.llmHub || {};
let measured = "", timer = 0, at = 0;
window.llmHub.measure = ([prompt, opened, ...settings]) => {
  const text = prompt?.text ?? "", files = (prompt?.files ?? []).map((file) => file.path);
  const { id, leaf, running } = opened ?? {};
  const wanted = text.trim() || files.length ? JSON.stringify([text, files, id, leaf, running, settings]) : "";
  if (wanted === measured) return;
  measured = wanted;
  clearTimeout(timer);
  if (!wanted) props.value = "";
  else timer = setTimeout(() => { at = Date.now(); trigger("measure", {}); }, Math.max(400, at + 1000 - Date.now()));
};
watch("value", () => { if (!measured && props.value) props.value = ""; });
"""
"""JavaScript that asks for the line once typing pauses, once a second at most, and only where something has changed."""


@dataclass(frozen=True, slots=True)
class _Outlay:
    """What `Prices` asks about: a request and its answer that are not made yet."""

    provider: str
    model: str
    usage: Usage | None


class ContextMeter:
    """The line's event."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen

    def connect(self) -> None:
        parts = self._screen.parts
        watched: list[Any] = [parts.prompt, parts.opened, parts.provider, parts.model, parts.system, parts.max_tokens]
        watched.append(parts.chain.view)
        changes = [part.change for part in watched]
        gr.on(changes, None, watched, None, js="(...values) => { window.llmHub?.measure?.(values); }", **NOW)
        inputs = {parts.prompt, parts.opened} | self._screen.settings
        parts.meter.measure(self.measure, inputs, parts.meter, trigger_mode="always_last", **NOW)

    async def measure(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The line for the prompt as it stands; nothing where it could not be asked."""
        parts = self._screen.parts
        prompt = data[parts.prompt] or {}
        try:
            question = self._screen.read_question(data)
            files = prompt.get("files") or ()
            readable = [file for file in files if await asyncio.to_thread(_is_text, file)]
            message = prompt_message(prompt.get("text") or "", await uploads.read(readable))
            turns = await self._history(data, visitor)
            session = self._screen.session_for(visitor)
            request = chat_request(turns, Turn(message, question))
            target = session.target(session.route_of(request).targets[0])
        except (LLMHubError, OSError):  # what is wrong is told when it is sent
            return {parts.meter: ""}
        text = texts.UNKNOWN_FILES
        if len(readable) == len(files):
            estimate = await asyncio.to_thread(estimate_request, request, turns, question, target)
            if estimate is not None:
                is_cached = any(_is_cached(turn) for turn in turns)
                text = describe(session, target, estimate, question.max_tokens, is_cached=is_cached)
        return {parts.meter: f'<div class="meter">{text}</div>'}

    async def _history(self, data: Inputs, visitor: gr.Request) -> tuple[Turn, ...]:
        name = self._screen.read_opened(data)
        owner = self._screen.conversations.owner(visitor.headers)
        conversation = await self._screen.conversations.find(owner, name) if name else None
        if conversation is None or conversation.kind == "comparison":
            return ()
        return tuple(node.turn for node in self._screen.read_view(data, conversation).path)


def estimate_request(
    request: ChatRequest, turns: tuple[Turn, ...], question: Question, target: str
) -> TokenEstimate | None:
    """The tokens of a request, the last of whose messages is new; None: it has files that nobody has counted yet."""
    model = split_target(target)[1]
    for place in range(len(turns) - 1, -1, -1):
        last = turns[place]
        if last.question.system.strip() == question.system.strip() and (counted := _counted(last, target)):
            before = chat_request(turns[:place], last).messages
            return _continue(request, model, before, counted)
    if any(_has_files(message) for message in request.messages):
        return None
    return _estimate(model, request.messages) + request_form(model)


def _continue(
    request: ChatRequest, model: str, before: Sequence[Message], counted: tuple[int, int]
) -> TokenEstimate | None:
    """The tokens of a request that begins with the messages `before`, whose tokens and those of the answer the model
    has `counted`."""
    prompt, answer = counted
    new = request.messages[len(before) + (1 if answer else 0) :]
    if any(_has_files(message) for message in new):
        return None
    estimate = _estimate(model, new)
    if not any(_has_files(message) for message in before):
        texts = _estimate(model, before) + request_form(model)
        estimate = estimate.measured_by(prompt, texts)
    return TokenEstimate(prompt + answer) + estimate


def _counted(turn: Turn, target: str) -> tuple[int, int] | None:
    """The tokens of a turn's request, and of its answer without the reasoning, if the target has counted them. An
    answer of 0 is one whose own tokens are not known."""
    response = turn.answer.response
    if response is None or not turn.is_history:
        return None
    asked = response.attempts[-1].model if response.attempts else response.model
    usage = response.usage
    if f"{response.provider}/{asked}" != target or not usage.get("prompt_tokens") or "completion_tokens" not in usage:
        return None
    has_uncounted = bool(turn.answer.reasoning) and "reasoning_tokens" not in usage
    answer = 0 if has_uncounted else max(0, usage["completion_tokens"] - usage.get("reasoning_tokens", 0))
    return usage["prompt_tokens"], answer


def _is_cached(turn: Turn) -> bool:
    """Whether some of a turn's request was read from the provider's cache, which is cheaper."""
    response = turn.answer.response
    return response is not None and bool(response.usage.get("cached_tokens"))


def describe(
    session: Session, target: str, estimate: TokenEstimate, max_tokens: int | None, *, is_cached: bool = False
) -> str:
    """The line as HTML. What `is_cached` may be cheaper, and nobody knows beforehand by how much."""
    provider, model = split_target(target)
    tokens = round(estimate.tokens)

    def price(answer: int) -> str:
        cost = _Outlay(provider, model, {"prompt_tokens": tokens, "completion_tokens": answer})
        return format_price(session.prices.of(cost))

    least = price(0)
    if not estimate.is_known:
        return f"{texts.FREE} {texts.UNKNOWN_TOKENS}" if least == "free" else texts.UNKNOWN_TOKENS
    window = _window(session, provider, model)
    if window is not None and tokens > window:
        return f"<b>About {tokens:,} tokens: more than the {window:,} of this model's context.</b>"
    fill = f"About {tokens:,} of {window:,} tokens" if window else f"About {tokens:,} tokens"
    if least in ("free", PRICE_UNKNOWN):
        return f"{fill} · {least}"
    if max_tokens:
        most = price(max_tokens)
        return f"{fill} · at most {most}" if is_cached else f"{fill} · {least} to {most}"
    return f"{fill} · {'at most ' if is_cached else ''}{least} + answer"


def _window(session: Session, provider: str, model: str) -> int | None:
    """The tokens of a model's context, as its provider's list of models says, or else the price lists."""
    listed = next((each.context for each in session.last_models(provider) if each.id == model), None)
    return listed or session.prices.context(provider, model)


def _estimate(model: str, messages: Sequence[Message]) -> TokenEstimate:
    return estimate_messages(model, *(_text(message) for message in messages))


def _text(message: Message) -> str:
    return "\n".join([message.text, *(document.as_text.text for document in message.documents)])


def _has_files(message: Message) -> bool:
    """Whether it has files that models count in ways of their own."""
    return bool(message.images) or any(document.data for document in message.documents)


def _is_text(file: str) -> bool:
    """Whether a file is sent as the text that it is."""
    with Path(file).open("rb") as opened:
        return find_kind(Path(file).name, opened.read(1024)) == "text"
