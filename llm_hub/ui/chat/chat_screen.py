"""Between the Chat tab's components and the conversation: reads the components' values, and makes their updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.conversations.document import write_head
from llm_hub.conversations.turn import Question, chat_request
from llm_hub.errors import InvalidRequest, LLMHubError
from llm_hub.ui import model_choices, typed_settings, uploads
from llm_hub.ui.chat import effort, fallback_chain
from llm_hub.ui.chat.chat_view import ChatView
from llm_hub.ui.chat.open_wish import read_id
from llm_hub.ui.chat.turn_actions import render_actions, render_earlier
from llm_hub.ui.live_region import live_region
from llm_hub.ui.render import answer_stats, transcript
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.conversations.open_conversations import OpenConversations
    from llm_hub.conversations.turn import Turn
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.chat.chat_parts import ChatParts
    from llm_hub.ui.chat.fallback_chain import Chain
    from llm_hub.ui.chat.open_wish import OpenWish
    from llm_hub.ui.event_values import Inputs, Updates


class ChatScreen:
    """What the tab's events share: they read settings, ask the hub and update components through it."""

    def __init__(self, gateway: Gateway, conversations: OpenConversations, parts: ChatParts) -> None:
        self._gateway = gateway
        self.conversations = conversations
        self.session = gateway.common_session
        self.parts = parts

    # Access to the hub: nothing else on the tab asks the gateway.

    def session_for(self, visitor: gr.Request) -> Session:
        """The hub as this visitor may use it, with their own keys."""
        return self._gateway.session(visitor)

    def answer(self, visitor: gr.Request, request: ChatRequest) -> AsyncGenerator[Event]:
        return self._gateway.answer(self._gateway.visitor(visitor, "chat"), request)

    # What the events read.

    @property
    def settings(self) -> set[Any]:
        """What `read_question` reads."""
        parts = self.parts
        boxes = {parts.provider, parts.model, parts.system, parts.temperature, parts.max_tokens, parts.effort}
        return boxes | {parts.chain.targets}

    def read_question(self, data: Inputs) -> Question:
        """The settings as they stand. Raises `LLMHubError` in words for the visitor."""
        parts = self.parts
        chain: Chain = data[parts.chain.targets]
        automatic = data[parts.provider] == model_choices.AUTO
        if automatic and chain == ():
            raise InvalidRequest(texts.NOTHING_AUTOMATIC, hint=texts.NOTHING_AUTOMATIC_HINT)
        provider, model = str(data[parts.provider] or ""), str(data[parts.model] or "").strip()
        if provider == model_choices.EMBEDDED:
            model_choices.check_downloaded(self.session, model)
        question = Question(
            provider=provider,
            model="" if automatic else model,
            system=data[parts.system] or "",
            temperature=typed_settings.parse_temperature(data[parts.temperature] or ""),
            max_tokens=typed_settings.parse_max_tokens(data[parts.max_tokens] or ""),
            fallback=chain,
            tries=self.session.max_tries,
            effort=effort.parse_effort(data[parts.effort]),
        )
        return effort.fit_effort(self.session, question)

    def read_opened(self, data: Inputs) -> str:
        """The id of the conversation that the tab shows; "" for a new one."""
        return read_id(data[self.parts.opened])

    def read_next(self, data: Inputs) -> str:
        """The id that a new one is to have; "" for any."""
        return read_id(data[self.parts.opened], "next")

    def is_to_be_kept(self, data: Inputs) -> bool:
        """Whether a new chat is to be kept: a temporary one is not."""
        opened = data[self.parts.opened]
        return not isinstance(opened, dict) or opened.get("kept") is not False

    def read_view(self, data: Inputs, conversation: Conversation) -> ChatView:
        """What the tab shows of its conversation."""
        opened = data[self.parts.opened]
        opened = opened if isinstance(opened, dict) else {}
        is_whole, version = opened.get("whole") is True, opened.get("version")
        return ChatView.up_to(conversation, opened.get("leaf"), is_whole=is_whole, version=version)

    def request(self, view: ChatView) -> ChatRequest:
        """The request that asks the last turn after those before it."""
        *history, last = view.path
        return chat_request(tuple(node.turn for node in history), last.turn)

    # What the events show.

    @property
    def outputs(self) -> list[Any]:
        """What is changed by everything below but the settings, and the prompt on its way back."""
        parts = self.parts
        shown = [parts.earlier, parts.past, parts.live, parts.route, parts.stop, parts.hint, parts.opened]
        return [*shown, parts.returned]

    @property
    def settings_outputs(self) -> list[Any]:
        """What `show_question` and `show_wish` change beside `outputs`."""
        parts = self.parts
        settings = [parts.provider, parts.model, parts.system, parts.temperature, parts.max_tokens, parts.effort]
        return [*settings, parts.note, parts.chain.view, parts.chain.targets, parts.followers]

    def show_conversation(self, view: ChatView) -> Updates:
        """What the view shows of it, with the turn that is being answered, if there is one: this one alone where the
        tab shows the others, whose update costs by far the most, for the server and the browser."""
        parts, shown, draft = self.parts, view.shown, view.draft
        past = shown[:-1] if draft is not None else shown
        last = shown[-1].turn if shown else None
        others: Updates = {}
        if not view.only_draft_is_new:
            others[parts.past] = [message for node in past for message in self._messages(view, node)]
        return {
            **others,
            parts.earlier: render_earlier(view),
            parts.live: [] if draft is None else self._turn_messages(draft),
            parts.route: live_region("" if last is None else self._stats(last)),
            parts.stop: gr.update(visible=draft is not None),
            parts.hint: live_region(html_text(view.conversation.problem) or texts.HELP),
            **self.show_head(view),
        }

    def show_nothing(self, *, is_kept: bool = True) -> Updates:
        """A new chat, which may be one that is not to be kept."""
        parts = self.parts
        return {
            parts.earlier: "",
            parts.past: [],
            parts.live: [],
            parts.route: live_region(""),
            parts.stop: gr.update(visible=False),
            parts.hint: live_region(texts.HELP),
            parts.opened: {"id": "", "keeping": self.conversations.keeping, "kept": is_kept},
        }

    def show_comparison(self, conversation: Conversation) -> Updates:
        """A new chat, and for the page's scripts the name of a comparison, which the Compare tab is to show."""
        nothing = self.show_nothing()
        return {**nothing, self.parts.opened: {**nothing[self.parts.opened], "comparison": conversation.id}}

    def show_draft(self, draft: Turn) -> Updates:
        """The text of a turn that is being answered, as far as it has come."""
        return {self.parts.live: self._turn_messages(draft)}

    def show_progress(self, draft: Turn) -> Updates:
        """The line about a turn that is being answered."""
        return {self.parts.route: live_region(self._stats(draft))}

    def show_head(self, view: ChatView) -> Updates:
        """Tells the page's scripts which conversation is shown, and how far it has come.

        `keeping` is where conversations are kept, `kept` whether this one is, `problem` why it could not be written,
        `leaf` the last turn that the tab shows, and `whole` whether it shows all of those before.
        """
        conversation = view.conversation
        head = {**write_head(conversation), "leaf": view.leaf, "whole": view.is_whole}
        more = {"keeping": self.conversations.keeping, "kept": conversation.is_kept, "problem": conversation.problem}
        return {self.parts.opened: head | more}

    def show_failed_retry(self, conversation: Conversation, node: Node) -> Updates:
        """Says that a retry failed, where the answer that was there is shown again."""
        error = conversation.node(node.number).turn.answer.error
        why = error.message if isinstance(error, LLMHubError) else ""
        return self.show_hint(texts.RETRY_FAILED.format(why=why))

    def show_lost(self, data: Inputs) -> Updates:
        """The server does not have the shown conversation any more. The page's scripts may hand it over once more."""
        name = self.read_opened(data)
        return {
            **self.show_hint(texts.LOST),
            self.parts.opened: {"id": name, "lost": True, "keeping": self.conversations.keeping},
        }

    def show_gone(self, wish: OpenWish) -> Updates:
        """Says so where the conversation that the page asked for is not here."""
        is_gone = (wish.name or wish.is_nonsense) and not wish.begun
        return self.show_hint((texts.TEMPORARY_GONE if wish.temporary else texts.GONE) if is_gone else "")

    def give_back(self, data: Inputs, text: str = "") -> Updates:
        """A prompt that was not taken goes back into its box: the one that was sent, or this text."""
        asked = {"text": text, "files": []} if text else data.get(self.parts.asked) or {}
        return {self.parts.returned: asked} if asked.get("text") or asked.get("files") else {}

    def show_hint(self, text: str) -> Updates:
        """A hint below the prompt; with "", how the prompt's box is used."""
        return {self.parts.hint: live_region(html_text(text) or texts.HELP)}

    def show_settings(self, wish: OpenWish, question: Question | None, data: Inputs, visitor: gr.Request) -> Updates:
        """The settings of a chat that is opened: those of its last question, and before them those of its browser."""
        parts, kept = self.parts, wish.settings.get("chain")
        chain, problem = data[parts.chain.targets], ""
        if kept is None and question is not None:
            kept = fallback_chain.write_chain(question.fallback)
        if kept is not None:
            chain, problem = fallback_chain.read_chain(self.session_for(visitor), kept)
        data = {**data, parts.chain.targets: chain}
        shown = {} if question is None else self.show_question(question, data, visitor)
        before = {**data, parts.provider: None} if parts.provider in shown else data
        shown |= self.show_wish(wish, before, visitor)
        provider: str = {**data, **shown}[parts.provider]
        return {**shown, **self.show_chain(chain, provider, visitor, problem), parts.chain.targets: chain}

    def show_question(self, question: Question, data: Inputs, visitor: gr.Request) -> Updates:
        """The tab's settings, set to those of a question. The chain stays, shown for the question's provider."""
        parts, chain = self.parts, data[self.parts.chain.targets]
        temperature, max_tokens = question.temperature, question.max_tokens
        try:
            target = self._show_target(question.provider, question.model, data, visitor)
        except InvalidRequest:  # a provider that this hub does not have: what is chosen stays
            return {}
        return {
            **target,
            **self.show_chain(chain, question.provider, visitor),
            parts.system: question.system,
            parts.temperature: "" if temperature is None else f"{temperature:g}",
            parts.max_tokens: "" if max_tokens is None else str(max_tokens),
            parts.effort: question.effort or "",
        }

    def show_wish(self, wish: OpenWish, data: Inputs, visitor: gr.Request) -> Updates:
        """The settings and the prompt of a new chat, as its link or its browser has them."""
        parts, settings = self.parts, wish.settings
        updates: Updates = {parts.returned: {"text": wish.prompt, "files": []}} if wish.prompt else {}
        if "provider" in settings:
            try:
                updates |= self._show_target(settings["provider"], settings.get("model", ""), data, visitor)
                updates |= self.show_chain(data[parts.chain.targets], settings["provider"], visitor)
            except InvalidRequest:  # another one stays chosen, and nobody is to take it for that
                updates[parts.note] = model_choices.unknown_note(settings["provider"])
        if (wanted := settings.get("effort")) is not None:
            updates[parts.effort] = wanted if wanted in effort.EFFORTS else ""
        boxes = {"system": parts.system, "temperature": parts.temperature, "max_tokens": parts.max_tokens}
        return updates | {box: settings[name] for name, box in boxes.items() if name in settings}

    def _show_target(self, provider: str, model: str, data: Inputs, visitor: gr.Request) -> Updates:
        """Only what is not shown already: an update closes a list that somebody has just opened."""
        parts = self.parts
        if (provider, model) == (data[parts.provider], data[parts.model]):
            return {}
        if provider == model_choices.AUTO:
            return {parts.note: "", parts.provider: provider, parts.model: gr.update(visible=False)}
        session = self.session_for(visitor)
        state = model_choices.find_provider(session, provider)
        listed = model_choices.list_models(session.last_models(provider))
        choices = model_choices.merge_lists(listed, model_choices.list_chat_models(session, state))
        return {
            parts.note: model_choices.provider_note(state),
            parts.provider: provider,
            parts.model: gr.update(choices=choices, value=model or state.default_model, visible=True),
        }

    def show_chain(self, chain: Chain, provider: str, visitor: gr.Request, problem: str = "") -> Updates:
        """The fallback chain as it is with this provider, in the settings and in the line beside the model."""
        parts, session = self.parts, self.session_for(visitor)
        return {
            parts.chain.view: fallback_chain.chain_html(session, chain, provider=provider, problem=problem),
            parts.followers: fallback_chain.summary_html(session, chain, provider=provider),
        }

    def _messages(self, view: ChatView, node: Node) -> list[transcript.Message]:
        """A turn that is over, with the buttons under its answer."""
        actions = render_actions(view.conversation, node, is_last=node.number == view.leaf)
        return self._turn_messages(node.turn, actions)

    def _turn_messages(self, turn: Turn, actions: str = "") -> list[transcript.Message]:
        return transcript.list_turn_messages(uploads.with_images(turn), self._titles, actions)

    def _stats(self, turn: Turn) -> str:
        """The line about a turn, as a screen reader speaks it: without the list of attempts."""
        return answer_stats.render_stats_line(turn, self._titles, spoken=True)

    @property
    def _titles(self) -> answer_stats.Titles:
        return model_choices.provider_titles(self.session)
