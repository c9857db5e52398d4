"""In which order the keys or servers of one provider are asked, where the owner has several."""

from __future__ import annotations

from collections import Counter, OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llm_hub.chat import ChatRequest
    from llm_hub.router import Health, Target

MAX_PREFIXES = 20_000
"""Prompts of which it is known who answered them; those that were not needed for longest are forgotten first."""


class PoolOrder:
    """The order of a pool's targets, which differ in their key or server alone.

    A conversation is kept where it was answered last: its prompt's prefix is in the cache there. A new one goes to the
    target with the fewest running answers, and of several to the one that was taken least lately. Paused ones come
    last.
    """

    def __init__(self, health: Health) -> None:
        self._health = health
        self._last_places: OrderedDict[int, int] = OrderedDict()
        """The place in the pool that answered a prompt, by the hash of the prompt's messages."""
        self._running: Counter[tuple[str, int]] = Counter()
        self._turn = 0
        self._taken: dict[tuple[str, int], int] = {}

    def sort(self, request: ChatRequest, targets: Sequence[Target]) -> list[Target]:
        """The targets of a pool in the order in which they are asked."""
        last = self._last_place(targets[0].provider.name, request)

        def rank(target: Target) -> tuple[bool, bool, int, int]:
            paused = self._health.current_pause(target.provider, target.model_id) is not None
            key = target.provider.name, target.place
            return paused, target.place != last, self.running_answers(key), self._taken.get(key, 0)

        return sorted(targets, key=rank)

    def running_answers(self, key: tuple[str, int]) -> int:
        """How many answers are running at a provider's place."""
        return self._running[key]

    @contextmanager
    def asking(self, target: Target) -> Iterator[None]:
        """Counts a target of a pool as busy, for as long as the answer takes that it is asked for first."""
        key = target.provider.name, target.place
        self._turn += 1
        self._taken[key] = self._turn
        self._running[key] += 1
        try:
            yield
        finally:
            self._running[key] -= 1

    def note_answer(self, request: ChatRequest, target: Target) -> None:
        """Keeps the conversation at the target that has just answered it. A request for vectors is none."""
        if not request.messages:
            return
        *_, whole = self.prefixes(target.provider.name, request)
        self.keep_place(whole, target.place)

    def keep_place(self, prefix: int, place: int) -> None:
        """Keeps a conversation that begins like this at that place."""
        self._last_places[prefix] = place
        self._last_places.move_to_end(prefix)
        if len(self._last_places) > MAX_PREFIXES:
            self._last_places.popitem(last=False)

    def _last_place(self, provider: str, request: ChatRequest) -> int | None:
        """Who answered the longest beginning of this prompt; None: nobody that is known of."""
        for prefix in reversed([*self.prefixes(provider, request)]):
            if (place := self._last_places.get(prefix)) is not None:
                return place
        return None

    def prefixes(self, provider: str, request: ChatRequest) -> Iterator[int]:
        """A hash of each beginning of a prompt: its first message, its first two, …"""
        prefix = hash(provider)
        for message in request.messages:
            prefix = hash((prefix, message))
            yield prefix
