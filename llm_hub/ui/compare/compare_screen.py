"""Between the Compare tab's components and the comparison: reads the components' values, and makes their updates."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.conversations.document import write_head
from llm_hub.conversations.turn import Question, chat_request
from llm_hub.errors import InvalidRequest
from llm_hub.ui import model_choices, typed_settings
from llm_hub.ui.chat import effort
from llm_hub.ui.chat.finished_turn import finish_turn
from llm_hub.ui.chat.open_wish import read_id
from llm_hub.ui.compare import compare_results, pane_view
from llm_hub.ui.compare.comparison import MAX_PANES, MIN_PANES
from llm_hub.ui.live_region import live_region
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import ProviderState, Session
    from llm_hub.conversations.coalescer import Coalescer, Snapshot
    from llm_hub.conversations.conversation import Conversation, Node
    from llm_hub.conversations.open_conversations import OpenConversations
    from llm_hub.conversations.running_answer import RunningAnswer
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.ui.compare.compare_parts import CompareParts, PaneParts
    from llm_hub.ui.compare.comparison import Comparison
    from llm_hub.ui.event_values import Inputs, Updates
    from llm_hub.ui.render.formats import Titles

HEAD_INTERVAL = 1.0
"""Seconds between two notices to the page that its comparison has grown: it then keeps what has come."""


class CompareScreen:
    """What the tab's events share: they read settings, ask the hub and update components through it."""

    def __init__(
        self, gateway: Gateway, conversations: OpenConversations, coalescer: Coalescer, parts: CompareParts
    ) -> None:
        self._gateway = gateway
        self._coalescer = coalescer
        self.conversations = conversations
        self.session = gateway.common_session
        self.parts = parts

    # Access to the hub: nothing else on the tab asks the gateway.

    def session_for(self, visitor: gr.Request) -> Session:
        """The hub as this visitor may use it, with their own keys."""
        return self._gateway.session(visitor)

    def answer(self, visitor: gr.Request, conversation: Conversation, node: Node) -> RunningAnswer:
        """Begins to write the answer of a turn. It goes on whatever the page does."""
        history = conversation.turns(node.pane)[:-1]
        return self.conversations.answer(
            conversation,
            node.number,
            self._gateway.answer(self._gateway.visitor(visitor, "compare"), chat_request(history, node.turn)),
            coalescer=self._coalescer,
            finish=lambda turn: finish_turn(turn, self.session),
        )

    def remove_keys(self, text: str) -> str:
        """The text without visitors' API keys, so that it may be stored or shown to others."""
        return self._gateway.visitors.redacted(text)

    # What the events read.

    @property
    def models(self) -> set[Any]:
        return {box for pane in self.parts.panes for box in (pane.provider, pane.model)}

    @property
    def settings(self) -> set[Any]:
        parts = self.parts
        return {parts.system, parts.temperature, parts.max_tokens, parts.effort, parts.blind, parts.fallback}

    @property
    def titles(self) -> Titles:
        return model_choices.provider_titles(self.session)

    def find_provider(self, provider: str) -> ProviderState:
        """A provider as it is now. Raises `InvalidRequest` for a name that no browser was given."""
        return model_choices.find_provider(self.session, provider)

    def read_question(self, data: Inputs, pane: PaneParts) -> Question:
        """The question that a pane's settings make. Raises `InvalidRequest` in words for the visitor.

        Its effort is the chosen one, which not every model knows: see `fit_effort`.
        """
        parts = self.parts
        return Question(
            provider=self.find_provider(str(data[pane.provider] or "")).name,
            model=str(data[pane.model] or "").strip(),
            system=data[parts.system] or "",
            temperature=typed_settings.parse_temperature(data[parts.temperature] or ""),
            max_tokens=typed_settings.parse_max_tokens(data[parts.max_tokens] or ""),
            fallback=(model_choices.AUTO,) if data[parts.fallback] else (),
            effort=effort.parse_effort(data[parts.effort]),
        )

    def fit_effort(self, question: Question) -> Question:
        """The question as its model is asked, which is known only now in a blind comparison."""
        return effort.fit_effort(self.session, question)

    def read_opened(self, data: Inputs) -> str:
        """The id of the comparison that the tab shows; "" for a new one."""
        return read_id(data[self.parts.opened])

    def read_next(self, data: Inputs) -> str:
        """The id that a new one is to have; "" for any."""
        return read_id(data[self.parts.opened], "next")

    async def find(self, data: Inputs, visitor: gr.Request) -> Comparison | None:
        """The comparison that the tab shows; None if the server does not have it.

        After a restart of the hub, or an hour's sleep, the tab may show one that its session knows nothing of.
        """
        comparison: Comparison = data[self.parts.comparison]
        name, shown = self.read_opened(data), comparison.conversation
        if name and (shown is None or shown.id != name):
            conversation = await self.conversations.find(self.owner(visitor), name)
            if conversation is None or conversation.kind != "comparison":
                return None
            comparison.show(conversation)
        if comparison.conversation is not None:
            await self.conversations.settle(comparison.conversation)
        return comparison

    def owner(self, visitor: gr.Request) -> str:
        return self.conversations.owner(visitor.headers)

    # What the events show.

    @property
    def outputs(self) -> list[Any]:
        """What `show_all` and `refresh` may change."""
        parts, actions, vote = self.parts, self.parts.actions, self.parts.vote
        panes = [
            part
            for pane in parts.panes
            for part in (pane.column, pane.picker, pane.head, pane.past, pane.live, pane.line, pane.stop, pane.retry,
                pane.carry, pane.remove)
        ]  # fmt: skip
        rest = [parts.stop, parts.run, parts.add, parts.blind, parts.opened]
        results = [actions.section, actions.figures, actions.left, actions.right, actions.difference, actions.markdown,
            actions.json]  # fmt: skip
        return [*panes, *rest, *results, vote.bar, *vote.best, vote.tie, vote.bad, vote.result]

    @property
    def settings_outputs(self) -> list[Any]:
        """What `show_questions` may change."""
        parts = self.parts
        boxes = [box for pane in parts.panes for box in (pane.provider, pane.model)]
        return [*boxes, parts.system, parts.temperature, parts.max_tokens, parts.effort, parts.blind, parts.fallback]

    def show_questions(self, comparison: Comparison) -> Updates:
        """The tab's settings, set to those of what was asked last. No list tells a name that is hidden."""
        parts, panes = self.parts, comparison.panes
        last = next((pane.last for pane in panes if pane.visible and pane.last), None)
        if last is None:
            return {}
        question = last.question
        updates: Updates = {
            parts.system: question.system,
            parts.temperature: "" if question.temperature is None else f"{question.temperature:g}",
            parts.max_tokens: "" if question.max_tokens is None else str(question.max_tokens),
            parts.effort: comparison.effort,
            parts.blind: comparison.blind,
            parts.fallback: bool(question.fallback),
        }
        for pane, boxes in zip(panes if not comparison.hidden else [], parts.panes, strict=False):
            if pane.last is None:
                continue
            with suppress(InvalidRequest):  # a provider that this hub does not have: what is chosen stays
                state = self.find_provider(pane.last.question.provider)
                model = pane.last.question.model or state.default_model
                updates[boxes.provider] = state.name
                updates[boxes.model] = gr.update(choices=model_choices.list_suggestions(state), value=model)
        return updates

    def show_hint(self, text: str) -> Updates:
        """A hint below the prompt; with "", how the prompt's box is used."""
        return {self.parts.hint: live_region(html_text(text) or texts.HELP)}

    def request_refresh(self, comparison: Comparison, *numbers: int) -> Updates:
        """Lets the browser fetch what has changed: the panes with these numbers, and everything outside the panes.

        Updates of two events may reach the browser in either order, so that an older state could be shown last. So an
        event that changes the comparison shows nothing of it by itself. It only tells the browser a new revision,
        after which one event, of which the browser never has two under way, shows the comparison as it is by then.
        """
        comparison.changed_panes.update(numbers)
        comparison.revision += 1
        return {self.parts.revision: str(comparison.revision)}

    def request_head(self, comparison: Comparison) -> Updates:
        """Now and then a refresh of what is outside the panes, so that the page hears how far the answers have come."""
        now = asyncio.get_running_loop().time()
        if now - comparison.told_at < HEAD_INTERVAL:
            return {}
        comparison.told_at = now
        return self.request_refresh(comparison)

    def refresh(self, comparison: Comparison) -> Updates:
        """What has changed since the last refresh."""
        numbers, comparison.changed_panes = comparison.changed_panes, set()
        updates = self._show_common(comparison)
        for number in numbers:
            updates |= self._show_pane(comparison, number)
        return updates

    def show_all(self, comparison: Comparison) -> Updates:
        comparison.changed_panes.update(range(MAX_PANES))
        return self.refresh(comparison)

    def show_live(self, comparison: Comparison, number: int, visible: Snapshot | None = None) -> Updates:
        """What changes in a pane while it is answered: the turn as far as `visible` goes, the line and the heading.

        Until the answer is over, only the events that ask it and write it show these. They run one after the other.
        """
        pane, parts, titles = comparison.pane(number), self.parts.panes[number], self.titles
        live = pane_view.list_live_messages(comparison, pane.draft, titles, visible) if pane.draft else []
        return {
            parts.live: live,
            parts.line: live_region(pane_view.render_status(comparison, number, titles, visible)),
            parts.head: pane_view.render_heading(comparison, number, titles),
        }

    def _show_pane(self, comparison: Comparison, number: int) -> Updates:
        """A pane. What changes while it is answered is left to the events that answer it."""
        pane, parts = comparison.pane(number), self.parts.panes[number]
        busy = pane.draft is not None
        if busy:
            comparison.unfinished_panes.add(number)
        answered = bool(pane.turns) and not busy
        return {
            **({} if busy else self.show_live(comparison, number)),
            parts.column: gr.update(visible=pane.visible),
            parts.picker: gr.update(visible=not (comparison.blind and pane.last is not None)),
            parts.past: pane_view.list_past_messages(comparison, number, self.titles),
            parts.stop: gr.update(visible=busy),
            parts.retry: gr.update(visible=answered),
            parts.carry: gr.update(visible=answered and not comparison.hidden),
            parts.remove: gr.update(visible=len(comparison.visible_panes) > MIN_PANES and not comparison.hidden),
        }

    def _show_common(self, comparison: Comparison) -> Updates:
        """Everything outside the panes."""
        parts, actions, vote = self.parts, self.parts.actions, self.parts.vote
        has_results = not comparison.hidden and any(pane.turns for pane in comparison.panes)
        result = f'<div role="status" class="said">{html_text(comparison.vote_text)}</div>'
        updates: Updates = {
            parts.stop: gr.update(visible=comparison.busy),
            parts.run: gr.update(visible=not comparison.busy),
            parts.add: gr.update(visible=len(comparison.visible_panes) < MAX_PANES and not comparison.hidden),
            parts.blind: gr.update(interactive=not comparison.has_begun),
            actions.section: gr.update(visible=has_results),
            actions.markdown: gr.update(visible=has_results),
            actions.json: gr.update(visible=has_results),
            vote.bar: gr.update(visible=comparison.hidden),
            vote.result: result if comparison.vote_text else "",
            **self.show_head(comparison),
        }
        if has_results:
            updates |= compare_results.show_results(actions, comparison, self.titles)
        if comparison.hidden:
            updates |= compare_results.show_ballot(vote, comparison)
        return updates

    def show_head(self, comparison: Comparison) -> Updates:
        """Tells the page's scripts which comparison is shown, and how far it has come: see `ChatScreen.show_head`."""
        conversation = comparison.conversation
        more: dict[str, Any] = {"keeping": self.conversations.keeping, "wanted": comparison.wanted}
        if conversation is None:
            return {self.parts.opened: {"id": "", "kind": "comparison"} | more}
        more |= {"kept": conversation.is_kept, "problem": conversation.problem}
        return {self.parts.opened: write_head(conversation) | more}

    def show_lost(self, data: Inputs) -> Updates:
        """The server does not have the shown comparison any more. The page's scripts may hand it over once more."""
        lost = {"id": self.read_opened(data), "kind": "comparison", "lost": True, "keeping": self.conversations.keeping}
        return {**self.show_hint(texts.LOST), self.parts.opened: lost}
