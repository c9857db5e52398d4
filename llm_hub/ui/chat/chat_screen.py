"""Between the Chat tab's components and the conversation: reads the components' values, and makes their updates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.conversations.turn import Question
from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices, typed_settings
from llm_hub.ui.chat import fallback_chain
from llm_hub.ui.chat.finished_turn import finish_turn
from llm_hub.ui.live_region import live_region
from llm_hub.ui.render import answer_stats, transcript
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from llm_hub.access.session import Session
    from llm_hub.chat import ChatRequest, Event
    from llm_hub.conversations.turn import Turn, Turns
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.chat.chat_parts import ChatParts
    from llm_hub.ui.chat.fallback_chain import Chain
    from llm_hub.ui.event_values import Inputs, Updates

HELP = "Enter sends, Shift+Enter starts a new line."


class ChatScreen:
    """What the tab's events share: they read settings, ask the hub and update components through it."""

    def __init__(self, gateway: Gateway, parts: ChatParts) -> None:
        self._gateway = gateway
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
    def conversation(self) -> set[Any]:
        return {self.parts.turns, self.parts.draft}

    @property
    def settings(self) -> set[Any]:
        """What `read_question` reads."""
        parts = self.parts
        return {parts.provider, parts.model, parts.system, parts.temperature, parts.max_tokens, parts.chain.targets}

    def read_question(self, data: Inputs) -> Question:
        """The settings as they stand. Raises `InvalidRequest` in words for the visitor."""
        parts = self.parts
        chain: Chain = data[parts.chain.targets]
        automatic = data[parts.provider] == model_choices.AUTO
        if automatic and chain == ():
            raise InvalidRequest("Nobody is asked.", hint="Add a model to the order, or choose a provider.")
        return Question(
            provider=str(data[parts.provider] or ""),
            model="" if automatic else str(data[parts.model] or "").strip(),
            system=data[parts.system] or "",
            temperature=typed_settings.parse_temperature(data[parts.temperature] or ""),
            max_tokens=typed_settings.parse_max_tokens(data[parts.max_tokens] or ""),
            fallback=chain,
            tries=self.session.max_tries,
        )

    def read_turns(self, data: Inputs) -> Turns:
        """The conversation, with the draft that a lost connection may have left behind."""
        turns: Turns = data[self.parts.turns]
        draft: Turn | None = data[self.parts.draft]
        return turns if draft is None else (*turns, finish_turn(draft, self.session))

    # What the events show.

    @property
    def outputs(self) -> list[Any]:
        """What `show_draft`, `show_turns` and `show_hint` change, and the prompt's own box."""
        parts = self.parts
        return [parts.past, parts.live, parts.route, parts.stop, parts.hint, parts.prompt, parts.turns, parts.draft]

    def show_draft(self, turns: Turns, draft: Turn) -> Updates:
        """A turn that is being answered, after those that are over."""
        parts = self.parts
        return {
            parts.turns: turns,
            parts.draft: draft,
            parts.past: self.list_messages(turns),
            parts.live: self.list_draft_messages(draft),
            parts.route: live_region(self.render_stats(draft)),
            parts.stop: gr.update(visible=True),
            parts.hint: live_region(HELP),
        }

    def show_turns(self, turns: Turns) -> Updates:
        """A conversation of which no turn is being answered."""
        parts = self.parts
        return {
            parts.turns: turns,
            parts.draft: None,
            parts.past: self.list_messages(turns),
            parts.live: [],
            parts.route: live_region(self.render_stats(turns[-1]) if turns else ""),
            parts.stop: gr.update(visible=False),
            parts.hint: live_region(HELP),
        }

    def show_hint(self, text: str) -> Updates:
        """A hint below the prompt; with "", how the prompt's box is used."""
        return {self.parts.hint: live_region(html_text(text) or HELP)}

    def show_settings(self, question: Question, chain: Chain, visitor: gr.Request) -> Updates:
        """The tab's settings, set to those of a question. The chain stays, shown for the question's provider."""
        parts, state = self.parts, model_choices.find_provider(self.session_for(visitor), question.provider)
        temperature, max_tokens = question.temperature, question.max_tokens
        return {
            parts.note: model_choices.provider_note(state),
            parts.provider: question.provider,
            parts.model: gr.update(choices=model_choices.list_suggestions(state), value=question.model, visible=True),
            **self.show_chain(chain, question.provider, visitor),
            parts.system: question.system,
            parts.temperature: "" if temperature is None else f"{temperature:g}",
            parts.max_tokens: "" if max_tokens is None else str(max_tokens),
        }

    def show_chain(self, chain: Chain, provider: str, visitor: gr.Request, problem: str = "") -> Updates:
        """The fallback chain as it is with this provider, in the settings and in the line beside the model."""
        parts, session = self.parts, self.session_for(visitor)
        return {
            parts.chain.view: fallback_chain.chain_html(session, chain, provider=provider, problem=problem),
            parts.followers: fallback_chain.summary_html(session, chain, provider=provider),
        }

    def list_messages(self, turns: Turns) -> list[transcript.Message]:
        return transcript.list_messages(turns, self._titles)

    def list_draft_messages(self, draft: Turn) -> list[transcript.Message]:
        return transcript.list_turn_messages(draft, self._titles)

    def render_stats(self, turn: Turn) -> str:
        """The line about a turn, as a screen reader speaks it: without the list of attempts."""
        return answer_stats.render_stats_line(turn, self._titles, attempts=False)

    @property
    def _titles(self) -> answer_stats.Titles:
        return model_choices.provider_titles(self.session)
