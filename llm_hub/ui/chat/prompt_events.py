"""The events that make a prompt a draft, the turn to be answered: it is sent, asked again, or edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.chat import Image, Message, Role, Text
from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices, uploads
from llm_hub.ui.conversation import Turn
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.render import transcript

if TYPE_CHECKING:
    from llm_hub.ui.chat.chat_screen import ChatScreen
    from llm_hub.ui.chat.chat_sessions import ChatSessions
    from llm_hub.ui.conversation import Question, Turns


class PromptEvents:
    """The handlers. Each returns the draft, or a hint why there is none."""

    def __init__(self, screen: ChatScreen, sessions: ChatSessions) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._sessions = sessions

    def send(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Asks the prompt in the box."""
        screen, box = self._screen, data[self._parts.prompt] or {}
        if self._sessions.is_answering(visitor):
            return screen.show_hint("An answer is still being written. Stop it first, or wait.")
        text, files = box.get("text") or "", tuple(box.get("files") or ())
        if not text.strip() and not files:
            return screen.show_hint("Type a prompt first.")
        try:
            images = uploads.read(files)
            question = screen.read_question(data)
        except InvalidRequest as error:
            return screen.show_hint(str(error))
        content = (*images, *((Text(text),) if text.strip() else ())) if images else text
        draft = Turn(Message(Role.USER, content), question, files)
        return {**self._begin(visitor, screen.read_turns(data), draft), self._parts.prompt: {"text": "", "files": []}}

    def repeat(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Asks the last prompt once more. A pause of its target ends, since the visitor asks on purpose."""
        screen, turns = self._screen, self._screen.read_turns(data)
        if not turns or self._sessions.is_answering(visitor):
            return screen.show_hint("")
        try:
            question = screen.read_question(data)
        except InvalidRequest as error:
            return screen.show_hint(str(error))
        self._end_pause(visitor, question)
        return self._replace_turn(visitor, turns, len(turns) - 1, turns[-1].prompt, question)

    def repeat_with(self, data: Inputs, visitor: gr.Request) -> Updates:
        """Asks the last prompt once more, of another target. The choice for later turns stays."""
        screen, parts, turns = self._screen, self._parts, self._screen.read_turns(data)
        empty_box: Updates = {parts.again: gr.update(value=None)}
        target = str(data[parts.again] or "")
        if not turns or not target or self._sessions.is_answering(visitor):
            return screen.show_hint("") | empty_box
        try:
            target = model_choices.parse_target(screen.session_for(visitor), target)
            provider, _, model = target.partition("/")
            question = screen.read_question({**data, parts.provider: provider, parts.model: model})
        except InvalidRequest as error:
            return screen.show_hint(str(error)) | empty_box
        self._end_pause(visitor, question)
        return self._replace_turn(visitor, turns, len(turns) - 1, turns[-1].prompt, question) | empty_box

    def edit(self, data: Inputs, edited: gr.EditData, visitor: gr.Request) -> Updates:
        """Asks an earlier prompt in other words. It and the turns after it are removed."""
        screen, parts, turns = self._screen, self._parts, self._screen.read_turns(data)
        index = edited.index[0] if isinstance(edited.index, list | tuple) else edited.index
        number = transcript.find_turn_number(int(index), turns)
        text = str(edited.value or "")
        unedited: Updates = {parts.past: screen.list_messages(turns)}
        if number is None or not text.strip():
            return {**screen.show_hint("Nothing was changed."), **unedited}
        if self._sessions.is_answering(visitor):
            hint = "An answer is still being written. Stop it first: what you edited waits in the box below."
            shown = screen.list_messages(data[parts.turns])
            return {**screen.show_hint(hint), parts.past: shown, parts.prompt: {"text": text, "files": []}}
        images: tuple[Text | Image, ...] = turns[number].prompt.images
        prompt = Message(Role.USER, (*images, Text(text)) if images else text)
        try:
            question = screen.read_question(data)
        except InvalidRequest as error:
            return screen.show_hint(str(error))
        return self._replace_turn(visitor, turns, number, prompt, question)

    def _end_pause(self, visitor: gr.Request, question: Question) -> None:
        """Ends the pauses of the targets that the visitor chose: one, or with Automatic all of the order."""
        session = self._screen.session_for(visitor)
        order = session.route if question.fallback is None else question.fallback
        for target in order if question.provider == model_choices.AUTO else (question.target,):
            session.try_now(target)

    def _replace_turn(
        self, visitor: gr.Request, turns: Turns, number: int, prompt: Message, question: Question
    ) -> Updates:
        """Replaces a turn, and those after it, by a new draft."""
        draft = Turn(prompt, question, turns[number].files)
        return self._begin(visitor, turns[:number], draft)

    def _begin(self, visitor: gr.Request, turns: Turns, draft: Turn) -> Updates:
        self._sessions.enter_chat(visitor)
        return self._screen.show_draft(turns, draft)
