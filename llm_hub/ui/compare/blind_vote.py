"""The vote of a blind comparison, which ends it: from then on the names are shown.

A vote is refused, with a hint to the visitor, where

- the names are shown already, be it by a vote or without one, or where a vote is being written;
- it would not be fair (`Comparison.unfair_reason`): an answer failed, is still empty or came from another model than
  the one that was asked, or two are by the same model;
- it is for a pane that is not there;
- the address has cast too many in a minute;
- the database cannot be written.
"""

from __future__ import annotations

import os
from functools import partial
from json import dumps
from typing import TYPE_CHECKING, Any

import gradio as gr  # noqa: TC002  # Gradio reads the handlers' annotations

from llm_hub.access import client_address
from llm_hub.access.rate_limits import RateLimiter
from llm_hub.arena.ratings import Vote
from llm_hub.errors import ConfigurationError
from llm_hub.ui.compare.compare_record import build_record
from llm_hub.ui.compare.comparison import MAX_PANES
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.live_region import live_region
from llm_hub.ui.render.export import as_json
from llm_hub.ui.texts import compare_texts as texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.arena.votes import Votes
    from llm_hub.ui.compare.compare_screen import CompareScreen
    from llm_hub.ui.compare.comparison import Comparison


COUNTING = f"() => {dumps(live_region(texts.VOTE_IS_COUNTED))}"
"""JavaScript for a hint at once: the first vote after a start waits until the database is open."""

MAX_VOTES_AT_ONCE = 5
MAX_VOTES_PER_MINUTE = 5
"""Votes that one address may cast: more than a person who reads, less than a program that fills the board."""


class VoteEvents:
    """The handlers. A vote is checked and stored on the server; the browser only tells which button was clicked."""

    def __init__(self, screen: CompareScreen, votes: Votes) -> None:
        self._screen = screen
        self._parts = screen.parts
        self._votes = votes
        self._being_cast: set[str] = set()
        """By id, the comparisons whose vote is being written, so that a double click is one vote."""
        self._rate = RateLimiter(MAX_VOTES_AT_ONCE, MAX_VOTES_PER_MINUTE / 60)
        self._address = partial(client_address.address, on_space="SPACE_ID" in os.environ)

    def connect(self) -> None:
        parts, vote = self._parts, self._parts.vote
        outputs = [parts.revision, parts.hint]
        inputs: set[Any] = {parts.comparison, vote.keep}
        casts = [(button, self._cast("best", number)) for number, button in enumerate(vote.best)]
        for button, cast in (*casts, (vote.tie, self._cast("tie")), (vote.bad, self._cast("bad"))):
            clicked = button.click(None, None, parts.hint, js=COUNTING, **NOW)
            clicked.then(cast, inputs, outputs, **NOW)
        vote.reveal.click(self.reveal, inputs, outputs, **NOW)

    def _cast(self, verdict: Any, number: int | None = None) -> Callable[..., Any]:
        """The handler of one button; `number` is the pane that it calls the best."""

        async def cast(data: Inputs, visitor: gr.Request) -> Updates:
            comparison: Comparison = data[self._parts.comparison]
            conversation = comparison.conversation
            if conversation is None or not comparison.hidden or conversation.id in self._being_cast:
                return self._screen.show_hint(texts.VOTED_ALREADY)
            if comparison.unfair_reason or (number is not None and number not in comparison.visible_panes):
                return self._screen.show_hint(comparison.unfair_reason)
            if wait := self._rate.take(self._voter(visitor)):
                return self._screen.show_hint(texts.TOO_MANY_VOTES.format(wait=wait))
            vote = self._vote(comparison, verdict, number, keep_texts=bool(data[self._parts.vote.keep]))
            self._being_cast.add(conversation.id)
            try:
                await self._votes.add(vote)
            except ConfigurationError as error:
                return self._screen.show_hint(texts.VOTE_FAILED.format(error=error))
            finally:
                self._being_cast.discard(conversation.id)
            return await self._reveal(
                comparison, f"You voted: {_describe_vote(comparison, verdict, number)}. Thank you."
            )

        return cast

    def _vote(self, comparison: Comparison, verdict: Any, number: int | None, *, keep_texts: bool) -> Vote:
        clean = self._screen.remove_keys
        conversation = as_json(build_record(comparison, self._screen.titles)) if keep_texts else None
        return Vote(
            targets=tuple(map(clean, comparison.targets)),  # the Leaderboard shows them to everybody
            verdict=verdict,
            winner=None if number is None else comparison.visible_panes.index(number),
            conversation=None if conversation is None else clean(conversation),
        )

    def _voter(self, visitor: gr.Request) -> str:
        """The name by which the rate limit counts a voter: the address, or on this computer itself the session."""
        address = self._address(visitor.request.scope) if visitor.request is not None else None
        return address or visitor.session_hash or ""

    async def reveal(self, data: Inputs) -> Updates:
        """Shows the names without a vote, which then cannot be cast any more."""
        comparison: Comparison = data[self._parts.comparison]
        if not comparison.hidden:
            return self._screen.show_hint("")
        return await self._reveal(comparison, texts.SHOWN_WITHOUT_VOTE)

    async def _reveal(self, comparison: Comparison, vote_text: str) -> Updates:
        comparison.set_up(hidden=False, vote_text=vote_text)
        if comparison.conversation is not None:
            comparison.conversation.paced.clear()
            comparison.conversation.touch_turns()
            await self._screen.conversations.save(comparison.conversation)
        return {**self._screen.request_refresh(comparison, *range(MAX_PANES)), **self._screen.show_hint("")}


def _describe_vote(comparison: Comparison, verdict: str, number: int | None) -> str:
    """A vote in words for the visitor: a tie, all bad, B is better."""
    many = len(comparison.visible_panes) > 2
    if number is None:
        return "a tie" if verdict == "tie" else texts.ALL_BAD if many else texts.BOTH_BAD
    return f"{comparison.letter(number)} is {'best' if many else 'better'}"
