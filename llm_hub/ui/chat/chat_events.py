"""What happens on the Chat tab when something on it is used.

The truth of a conversation is `turns` and `draft`, values on the server; the two Chatbots only show them.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.chat import Image, Message, Role, Text
from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import model_choices, typed_settings, uploads
from llm_hub.ui.chat import fallback_chain
from llm_hub.ui.chat.chat_models import note_on
from llm_hub.ui.chat.conversation import Question, Turn, Turns, request
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.render import answer_stats, attempt_text, transcript
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from llm_hub.gateway.visitors import Visitors
    from llm_hub.ui.chat.chat_tab import ChatParts
    from llm_hub.ui.chat.fallback_chain import Chain
    from llm_hub.ui.streaming.coalescer import Coalescer

log = logging.getLogger(__name__)

Inputs = dict[Any, Any]
Updates = dict[Any, Any]
"""New values by component, so that none is ever mixed up with another."""

HELP = "Enter sends, Shift+Enter starts a new line."


class ChatEvents:
    """The tab's events. Each takes what it reads by component and answers with what it changes."""

    def __init__(self, visitors: Visitors, coalescer: Coalescer, parts: ChatParts) -> None:
        self._visitors = visitors
        self._hub = visitors.anyone
        self._coalescer = coalescer
        self._parts = parts
        self._answering: set[str] = set()
        """The sessions whose answer is being written, so that a second prompt waits for its turn."""
        self._way_of: dict[str, int] = {}
        """By session, the way of asking whose answer is shown: only that one may finish it."""
        self._left: set[str] = set()
        """The sessions that left their chat for a new one, and have not asked anything in it yet."""

    def connect(self, page: gr.Blocks) -> None:
        parts = self._parts
        chat: set[Any] = {parts.turns, parts.draft}
        settings = {
            parts.provider, parts.model, parts.system, parts.temperature, parts.max_tokens, parts.chain.kept
        }  # fmt: skip
        shown = [parts.past, parts.live, parts.route, parts.stop, parts.hint, parts.prompt, *chat]

        asked = [
            parts.prompt.submit(self.send, {parts.prompt, *chat, *settings}, shown, **NOW),
            gr.on([parts.past.retry, parts.past.option_select], self.again, {*chat, *settings}, shown, **NOW),
            parts.past.edit(self.edit, {*chat, *settings}, shown, **NOW),
            parts.again.input(self.again_with, {parts.again, *chat, *settings}, [*shown, parts.again], **NOW),
        ]
        answers = []
        for number, first in enumerate(asked):
            answer, finish = self._way(number)
            answers.append(first.then(answer, chat, [parts.live, parts.route, parts.draft], **STREAMING))
            answers[-1].then(finish, chat, shown, **NOW)
        parts.stop.click(None, None, None, cancels=answers)
        parts.past.undo(self.undo, chat, shown, **NOW)
        # Gradio runs the events of one click one after another; a cancelling event cannot follow with `.then`.
        parts.new.click(self.leave, None, None, **NOW)
        parts.new.click(None, None, None, cancels=answers).then(self.clear, None, shown, **NOW)
        page.unload(self.forget)

    def _way(self, number: int) -> tuple[Callable[..., AsyncGenerator[Updates]], Callable[..., Awaitable[Updates]]]:
        """What follows one way of asking. One that was refused must not finish the answer that another began."""

        async def answer(data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
            session = visitor.session_hash or ""
            if data[self._parts.draft] is None or session in self._answering:
                return
            self._way_of[session] = number
            async with aclosing(self.answer(data, visitor)) as updates:
                async for update in updates:
                    yield update

        async def finish(data: Inputs, visitor: gr.Request) -> Updates:
            if self._way_of.get(visitor.session_hash or "", number) != number:
                return {self._parts.live: gr.skip()}
            return await self.finish(data, visitor)

        return answer, finish

    # A prompt becomes the draft.

    def send(self, data: Inputs, visitor: gr.Request) -> Updates:
        parts, prompt = self._parts, data[self._parts.prompt] or {}
        if self._is_answering(visitor):
            return self._hint("An answer is still being written. Stop it first, or wait.")
        text, files = prompt.get("text") or "", tuple(prompt.get("files") or ())
        if not text.strip() and not files:
            return self._hint("Type a prompt first.")
        try:
            images = uploads.read(files)
            asked = self._asked(data)
        except InvalidRequest as error:
            return self._hint(str(error))
        content = (*images, *((Text(text),) if text.strip() else ())) if images else text
        turn = Turn(Message(Role.USER, content), asked, files)
        return {**self._begin(visitor, self._kept(data), turn), parts.prompt: {"text": "", "files": []}}

    def again(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The same prompt once more. Whoever asks on purpose is not told that the target is paused."""
        turns = self._kept(data)
        if not turns or self._is_answering(visitor):
            return self._hint("")
        return self._ask_again(visitor, data, turns, turns[-1].prompt, len(turns) - 1, now=True)

    def again_with(self, data: Inputs, visitor: gr.Request) -> Updates:
        """The last prompt once more, to another target, and just this once: what is chosen for later turns stays."""
        parts, turns = self._parts, self._kept(data)
        unchosen = {parts.again: gr.update(value=None)}
        wanted = str(data[parts.again] or "")
        if not turns or not wanted or self._is_answering(visitor):
            return {**self._hint(""), **unchosen}
        if wanted != model_choices.AUTO:
            try:
                wanted = model_choices.typed(self._visitors.hub(visitor), wanted)
            except InvalidRequest as error:
                return {**self._hint(str(error)), **unchosen}
        last = len(turns) - 1
        return self._ask_again(visitor, data, turns, turns[-1].prompt, last, now=True, target=wanted) | unchosen

    def edit(self, data: Inputs, edited: gr.EditData, visitor: gr.Request) -> Updates:
        turns = self._kept(data)
        index = edited.index[0] if isinstance(edited.index, list | tuple) else edited.index
        number = transcript.find_turn_number(int(index), turns)
        text = str(edited.value or "")
        if number is None or not text.strip():
            return {**self._hint("Nothing was changed."), self._parts.past: self._log(turns)}
        original = turns[number].prompt.text
        kept: Updates = {self._parts.past: self._log(turns)}
        if self._is_answering(visitor):
            kept = {self._parts.past: self._log(data[self._parts.turns])}
            hint = "An answer is still being written. Stop it first: what you edited waits in the box below."
            return {
                **self._hint(hint),
                **kept,
                self._parts.prompt: {"text": transcript.restore_edited_prompt(text, original), "files": []},
            }
        if transcript.is_shortened(original) and text != transcript.shorten_prompt(original):
            hint = "That prompt is too long to edit in place: all of it stands in the box below."
            return {**self._hint(hint), **kept, self._parts.prompt: {"text": original, "files": []}}
        text = transcript.restore_edited_prompt(text, original)
        images: tuple[Text | Image, ...] = turns[number].prompt.images
        prompt = Message(Role.USER, (*images, Text(text)) if images else text)
        return self._ask_again(visitor, data, turns, prompt, number)

    # The draft is answered, and becomes a turn.

    async def answer(self, data: Inputs, visitor: gr.Request) -> AsyncGenerator[Updates]:
        parts, turns, draft = self._parts, data[self._parts.turns], data[self._parts.draft]
        session = visitor.session_hash or ""
        self._answering.add(session)
        shown: tuple[str, str] | None = None
        try:
            events = self._visitors.events(visitor, request(turns, draft), "chat")
            async with aclosing(self._coalescer.snapshots(events)) as snapshots:
                async for snapshot in snapshots:
                    draft = replace(draft, answer=snapshot)
                    update: Updates = {parts.draft: draft, parts.route: status(self._figures(draft))}
                    if shown != (snapshot.text, snapshot.reasoning):
                        shown = (snapshot.text, snapshot.reasoning)
                        update[parts.live] = transcript.list_turn_messages(draft, self._titles)
                    yield update
        finally:
            self._answering.discard(session)

    async def finish(self, data: Inputs, visitor: gr.Request) -> Updates:
        if visitor.session_hash in self._left:
            return self._over(())
        if data[self._parts.draft] is None:
            return {self._parts.draft: None}
        return self._over(self._kept(data))

    # The conversation changes without a question.

    def undo(self, data: Inputs, visitor: gr.Request) -> Updates:
        turns = self._kept(data)
        if not turns or self._is_answering(visitor):
            return self._hint("")
        last = turns[-1]
        return {
            **self._over(turns[:-1]),
            self._parts.prompt: {"text": last.prompt.text, "files": list(last.files)},
        }

    async def leave(self, visitor: gr.Request) -> None:
        """What is still being written when a new chat begins must not become part of it."""
        self._left.add(visitor.session_hash or "")

    async def clear(self) -> Updates:
        return self._over(())

    @property
    def providers(self) -> gr.Dropdown:
        """The list of providers."""
        return self._parts.provider

    @property
    def taken_over(self) -> list[Any]:
        """What `take_over` changes."""
        parts = self._parts
        shown = [parts.past, parts.live, parts.route, parts.stop, parts.hint, parts.turns, parts.draft, parts.note]
        settings = [parts.provider, parts.model, parts.system, parts.temperature, parts.max_tokens, parts.chain.shown]
        return [*shown, *settings]

    @property
    def taken_with(self) -> set[Any]:
        """What `take_over` reads."""
        return {self._parts.chain.kept}

    def take_over(self, data: Inputs, turns: Turns, visitor: gr.Request) -> Updates:
        """A conversation from another tab becomes this chat. Raises `InvalidRequest` while an answer is written."""
        if self._is_answering(visitor):
            raise InvalidRequest("Chat is still answering.", hint="Stop it there first.")
        self._left.discard(visitor.session_hash or "")
        parts, asked = self._parts, turns[-1].asked
        state = model_choices.state(self._visitors.hub(visitor), asked.provider)
        number = (asked.temperature, asked.max_tokens)
        return {
            **self._over(turns),
            parts.note: note_on(state),
            parts.provider: asked.provider,
            parts.model: gr.update(choices=model_choices.models(state), value=asked.model, visible=True),
            parts.chain.shown: fallback_chain.html(self._hub, data[parts.chain.kept], provider=asked.provider),
            parts.system: asked.system,
            parts.temperature: "" if number[0] is None else f"{number[0]:g}",
            parts.max_tokens: "" if number[1] is None else str(number[1]),
        }

    def forget(self, visitor: gr.Request) -> None:
        """A tab was closed."""
        self._left.discard(visitor.session_hash or "")
        self._way_of.pop(visitor.session_hash or "", None)

    # What the events have in common.

    @property
    def _titles(self) -> answer_stats.Titles:
        return model_choices.titles(self._hub)

    def _is_answering(self, visitor: gr.Request) -> bool:
        return visitor.session_hash in self._answering

    def _asked(self, data: Inputs) -> Question:
        """The settings as they stand. Raises `InvalidRequest` in words for the visitor."""
        parts = self._parts
        fallback_chain: Chain = data[parts.chain.kept]
        automatic = data[parts.provider] == model_choices.AUTO
        if automatic and fallback_chain == ():
            raise InvalidRequest("Nobody is asked.", hint="Add a model to the order, or choose a provider.")
        return Question(
            provider=str(data[parts.provider] or ""),
            model="" if automatic else str(data[parts.model] or "").strip(),
            system=data[parts.system] or "",
            temperature=typed_settings.temperature(data[parts.temperature] or ""),
            max_tokens=typed_settings.max_tokens(data[parts.max_tokens] or ""),
            fallback=fallback_chain,
            tries=self._hub.tries,
        )

    def _kept(self, data: Inputs) -> Turns:
        """The conversation, with the draft that a lost connection may have left behind."""
        turns: Turns = data[self._parts.turns]
        draft: Turn | None = data[self._parts.draft]
        if draft is None:
            return turns
        error = draft.answer.error
        if error is not None and not isinstance(error, LLMHubError):
            log.error("An answer failed inside the hub.", exc_info=error)
        ended = draft.ended()
        ended = replace(ended, prices=tuple(self._hub.price(attempt) for attempt in attempt_text.list_attempts(ended)))
        if ended.answer.response is not None:
            ended = replace(ended, price=self._hub.price(ended.answer.response))
        return (*turns, ended)

    def _ask_again(
        self,
        visitor: gr.Request,
        data: Inputs,
        turns: Turns,
        prompt: Message,
        number: int,
        *,
        now: bool = False,
        target: str = "",
    ) -> Updates:
        """A turn's place is taken by a new one. `now` ends the target's pause; `target` "" is the chosen one."""
        try:
            asked = self._asked(data if not target else {**data, self._parts.provider: target})
        except InvalidRequest as error:
            return self._hint(str(error))
        if target:
            provider, _, model = target.partition("/")
            asked = replace(asked, provider=provider, model=model)
        if now:
            hub = self._visitors.hub(visitor)
            order = hub.route if asked.fallback is None else asked.fallback
            for one in order if asked.provider == model_choices.AUTO else (asked.target,):
                hub.try_now(one)
        return self._begin(visitor, turns[:number], Turn(prompt, asked, turns[number].files))

    def _begin(self, visitor: gr.Request, turns: Turns, draft: Turn) -> Updates:
        parts = self._parts
        self._left.discard(visitor.session_hash or "")
        return {
            parts.turns: turns,
            parts.draft: draft,
            parts.past: self._log(turns),
            parts.live: transcript.list_turn_messages(draft, self._titles),
            parts.route: status(self._figures(draft)),
            parts.stop: gr.update(visible=True),
            parts.hint: status(HELP),
        }

    def _over(self, turns: Turns) -> Updates:
        parts = self._parts
        return {
            parts.turns: turns,
            parts.draft: None,
            parts.past: self._log(turns),
            parts.live: [],
            parts.route: status(self._figures(turns[-1]) if turns else ""),
            parts.stop: gr.update(visible=False),
            parts.hint: status(HELP),
        }

    def _log(self, turns: Turns) -> list[transcript.Message]:
        return transcript.list_messages(turns, self._titles)

    def _figures(self, turn: Turn) -> str:
        """The line that a screen reader hears: without every single attempt."""
        return answer_stats.render_stats_line(turn, self._titles, attempts=False)

    def _hint(self, text: str) -> Updates:
        return {self._parts.hint: status(html_text(text) or HELP)}


def status(inner: str) -> str:
    """A line that a screen reader hears when it changes."""
    return f'<div role="status" aria-live="polite">{inner}</div>'
