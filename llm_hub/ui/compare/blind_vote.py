"""The vote of a blind comparison, which ends it: from then on the names are shown."""

from __future__ import annotations

import os
from functools import partial
from json import dumps
from typing import TYPE_CHECKING, Any

import gradio as gr  # noqa: TC002  # Gradio reads the handlers' annotations

from llm_hub.access.client_address import address
from llm_hub.access.rate_limits import RateLimiter
from llm_hub.arena.ratings import Vote
from llm_hub.errors import ConfigurationError
from llm_hub.ui.chat.chat_events import status
from llm_hub.ui.compare.compare_actions import record
from llm_hub.ui.compare.compare_screen import CompareScreen, Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.render.export import as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.arena.votes import Votes
    from llm_hub.ui.compare.comparison import Comparison


COUNTING = f"() => {dumps(status('Your vote is being counted…'))}"
"""Said by the browser itself: the first vote after a start waits for the database to be opened."""

AT_ONCE = 5
A_MINUTE = 5
"""Votes that one address may cast: more than a person who reads, less than a program that fills the board."""


class VoteEvents:
    """A vote is checked and kept on the server; the browser only says which button it was."""

    def __init__(self, shown: CompareScreen, votes: Votes) -> None:
        self._shown = shown
        self._parts = shown.parts
        self._votes = votes
        self._casting: set[int] = set()
        """The comparisons whose vote is being written, so that a double click is one vote."""
        self._allowance = RateLimiter(AT_ONCE, A_MINUTE / 60)
        self._address = partial(address, on_space="SPACE_ID" in os.environ)

    def connect(self) -> None:
        parts, vote = self._parts, self._parts.vote
        inputs: set[Any] = {parts.comparison, vote.keep}
        everywhere = self._shown.everywhere
        casts = [(button, self._cast("best", number)) for number, button in enumerate(vote.best)]
        for button, cast in (*casts, (vote.tie, self._cast("tie")), (vote.bad, self._cast("bad"))):
            clicked = button.click(None, None, parts.hint, js=COUNTING, **NOW)
            clicked.then(cast, inputs, everywhere, **NOW)
        vote.reveal.click(self.reveal, inputs, everywhere, **NOW)

    def _cast(self, verdict: Any, number: int | None = None) -> Callable[..., Any]:
        async def cast(data: Inputs, visitor: gr.Request) -> Updates:
            comparison: Comparison = data[self._parts.comparison]
            if not comparison.hidden or id(comparison) in self._casting:
                return self._shown.hint("There is one vote on a comparison.")
            if comparison.unfair or (number is not None and number not in comparison.shown):
                return self._shown.hint(comparison.unfair)
            if wait := self._allowance.take(self._who(visitor)):
                return self._shown.hint(f"So many votes in a minute are not counted. Vote again in {wait:.0f} s.")
            word = "best" if len(comparison.shown) > 2 else "better"
            bad = "all bad" if len(comparison.shown) > 2 else "both bad"
            said = {"tie": "a tie", "bad": bad}.get(verdict) or f"{comparison.letter(number or 0)} is {word}"
            clean = self._shown.gateway.visitors.redacted
            talk = as_json(record(comparison, self._shown.titles)) if data[self._parts.vote.keep] else None
            vote = Vote(
                targets=tuple(map(clean, comparison.targets)),  # the Leaderboard shows them to everybody
                verdict=verdict,
                winner=None if number is None else comparison.shown.index(number),
                conversation=None if talk is None else clean(talk),
            )
            self._casting.add(id(comparison))
            try:
                await self._votes.add(vote)
            except ConfigurationError as error:
                return self._shown.hint(f"The vote was not counted. {error}")
            finally:
                self._casting.discard(id(comparison))
            return self._revealed(comparison, f"You voted: {said}. Thank you.")

        return cast

    def _who(self, visitor: gr.Request) -> str:
        """Who votes, as limits know them: by address, and by tab on this computer itself."""
        known = self._address(visitor.request.scope) if visitor.request is not None else None
        return known or visitor.session_hash or ""

    async def reveal(self, data: Inputs) -> Updates:
        """Shows the names without a vote, which then cannot be cast any more."""
        return self._revealed(data[self._parts.comparison], "The names were shown without a vote.")

    def _revealed(self, comparison: Comparison, said: str) -> Updates:
        comparison.hidden, comparison.voted = False, said
        return {**self._shown.everything(comparison), **self._shown.hint("")}
