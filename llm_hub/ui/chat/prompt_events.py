"""New turns of a conversation: a prompt is sent, asked again, or edited. What was there before stays, as a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.conversations.turn import Turn
from llm_hub.conversations.turn_document import prompt_message
from llm_hub.errors import LLMHubError
from llm_hub.ui import model_choices, uploads
from llm_hub.ui.render import transcript
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gradio as gr

    from llm_hub.chat import Document, Image
    from llm_hub.conversations.conversation import Node
    from llm_hub.conversations.turn import Question
    from llm_hub.ui.chat.chat_screen import ChatScreen
    from llm_hub.ui.chat.chat_view import ChatView
    from llm_hub.ui.event_values import Inputs


class PromptEvents:
    """Each method adds a turn that is to be answered. Raises `LLMHubError` in words for the visitor instead."""

    def __init__(self, screen: ChatScreen) -> None:
        self._screen = screen
        self._parts = screen.parts

    def send(self, view: ChatView, files: Sequence[Image | Document], data: Inputs) -> Node:
        """The prompt that was in the box, with the files that were read from it, after what is shown."""
        text = (data[self._parts.asked] or {}).get("text") or ""
        if not text.strip() and not files:
            raise LLMHubError(texts.NO_PROMPT)
        question = self._screen.read_question(data)
        note = texts.BRANCHED if view.is_left_behind else ""
        prompt = prompt_message(text, files)
        images = tuple(uploads.write_images(prompt))
        return view.conversation.add(Turn(prompt, question, images, note=note), after=view.leaf)

    def repeat(self, view: ChatView, number: int, data: Inputs, visitor: gr.Request) -> Node:
        """The prompt of this turn once more. A pause of its target ends, since the visitor asks on purpose."""
        if not number:
            raise LLMHubError(texts.NO_PROMPT)
        return self._ask_again(view, number, self._screen.read_question(data), visitor)

    def repeat_with(self, view: ChatView, target: str, data: Inputs, visitor: gr.Request) -> Node:
        """The prompt of a turn, of the last one if none was chosen, once more, of another target. The choice for later
        turns stays."""
        parts, number = self._parts, data[self._parts.turn_actions]
        if not isinstance(number, int) or not 0 < number <= len(view.conversation.nodes):
            number = view.leaf
        if not number:
            raise LLMHubError(texts.NO_PROMPT)
        target = model_choices.parse_target(self._screen.session_for(visitor), target)
        provider, _, model = target.partition("/")
        question = self._screen.read_question({**data, parts.provider: provider, parts.model: model})
        return self._ask_again(view, number, question, visitor)

    def edit(self, view: ChatView, index: int, text: str, data: Inputs) -> Node:
        """An earlier prompt in other words. `index` is that of its message among those that the page shows."""
        shown = self._screen.read_view(data, view.conversation).shown
        place = transcript.find_turn_number(index, tuple(node.turn for node in shown))
        if place is None or not text.strip():
            raise LLMHubError(texts.UNCHANGED)
        node = shown[place]
        prompt = prompt_message(text, (*node.turn.prompt.images, *node.turn.prompt.documents))
        turn = Turn(prompt, self._screen.read_question(data), node.turn.files)
        return view.conversation.add(turn, after=node.parent)

    def _ask_again(self, view: ChatView, number: int, question: Question, visitor: gr.Request) -> Node:
        self._end_pause(visitor, question)
        node = view.conversation.node(number)
        return view.conversation.add(Turn(node.turn.prompt, question, node.turn.files), after=node.parent)

    def _end_pause(self, visitor: gr.Request, question: Question) -> None:
        """Ends the pauses of the targets that the visitor chose: one, or with Automatic all of the order."""
        session = self._screen.session_for(visitor)
        order = session.route if question.fallback is None else question.fallback
        for target in order if question.provider == model_choices.AUTO else (question.target,):
            session.try_now(target)
