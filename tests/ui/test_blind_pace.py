"""When a pane is updated, and how much of a hidden answer it shows, on a clock that does not take time."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from llm_hub.arena.blind import MAX_CHARS_PER_SECOND, Pace
from llm_hub.chat import AttemptStarted, Message, Role, TextDelta
from llm_hub.conversations.coalescer import Coalescer, Snapshot
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.turn import Question, Turn
from llm_hub.ui.compare.shared_pace import begin_pace
from llm_hub.ui.streaming.blind_pace import BEAT, paced_views
from tests.ui.test_coalesce import DONE, run, script, tokens

if TYPE_CHECKING:
    from llm_hub.chat import Event


def views(*steps: Event | float, hidden: bool = False, panes: int = 2) -> list[tuple[float, Snapshot, Snapshot]]:
    """When each view came, the whole snapshot, and what is visible of it."""

    async def main() -> list[tuple[float, Snapshot, Snapshot]]:
        now = asyncio.get_running_loop().time
        stream = paced_views(
            Coalescer().snapshots(script(*steps)),
            1,
            pace=Pace((1,), now) if hidden else None,
            hidden=lambda: hidden,
            panes=lambda: panes,
        )
        async with aclosing(stream):
            return [(now(), whole, visible) async for whole, visible in stream]

    return run(main())


def test_what_is_not_hidden_is_visible_as_it_is() -> None:
    updates = views(TextDelta("first"), 0.5, TextDelta(" second"), DONE)
    assert all(whole is visible for _, whole, visible in updates)
    assert updates[-1][2].response is DONE.response


def test_the_panes_share_the_updates_of_a_second() -> None:
    counts = [len(views(*tokens(500, 100), DONE, panes=panes)) for panes in (4, 8)]
    assert 58 <= counts[0] <= 64
    assert 29 <= counts[1] <= 34


def test_the_first_text_and_a_change_of_route_go_out_at_once() -> None:
    attempt = AttemptStarted("other", "model", 2)
    updates = views(TextDelta("first"), 0.001, attempt, 5.0, DONE, panes=4)
    assert next(round(at, 3) for at, whole, _ in updates if whole.route) == 0.001
    assert updates[0][0] == 0


def test_a_pane_shows_what_has_just_come_when_it_may_be_updated_again() -> None:
    updates = views(*tokens(500, 100), DONE, panes=4)
    assert all(at - whole.elapsed < 0.01 for at, whole, _ in updates[1:])


def test_a_view_goes_out_every_second_of_silence() -> None:
    times = [at for at, *_ in views(TextDelta("first"), 5.5, DONE)]
    assert len([at for at in times if at < 5.5]) == 6
    assert max(later - earlier for earlier, later in pairwise(times)) <= 2 * BEAT


def test_the_end_is_shown_when_it_comes_although_it_is_known_after_the_last_snapshot() -> None:
    times = [at for at, *_ in views(TextDelta("first"), 5.0, DONE)]
    assert 5.0 <= times[-1] < 5.0 + BEAT / 2


def test_a_hidden_answer_that_came_at_once_is_shown_at_the_common_pace() -> None:
    updates = views(TextDelta("x" * 1600), DONE, hidden=True)
    lengths = [len(visible.text) for _, _, visible in updates]
    assert lengths == sorted(lengths)
    assert lengths[-1] == 1600
    assert updates[-1][0] >= 1600 / MAX_CHARS_PER_SECOND - BEAT
    assert all(visible.response is not None or len(visible.text) < 1600 for _, _, visible in updates)


def test_closing_closes_the_source() -> None:
    closed: list[float] = []

    async def main() -> None:
        now = asyncio.get_running_loop().time
        pace = Pace((1, 2), now)
        source = Coalescer().snapshots(script(TextDelta("first"), 100.0, closed=closed))
        stream = paced_views(source, 1, pace=pace, hidden=lambda: True, panes=lambda: 2)
        await anext(stream)
        await stream.aclose()
        assert closed == [now()]

    run(main())


def test_the_common_pace_goes_on_without_a_page_and_without_an_answer_that_has_ended() -> None:
    async def main() -> None:
        conversation = Conversation(kind="comparison")
        turn = Turn(Message(Role.USER, "Hello"), Question("one", "model"))
        first, second = (conversation.add(turn, pane=pane) for pane in (0, 1))
        begin_pace(conversation, [first, second])
        pace = conversation.paced[first.number]
        assert conversation.paced[second.number] is pace
        conversation.update(first.number, replace(turn, answer=Snapshot(text="x" * 50)))
        await asyncio.sleep(1)
        assert pace.characters() == 0  # while the second may still begin
        conversation.update(second.number, replace(turn, outcome="failed"))
        await asyncio.sleep(1)
        assert 0 < pace.characters() <= MAX_CHARS_PER_SECOND
        conversation.update(first.number, replace(turn, outcome="answered", answer=Snapshot(text="x" * 50)))
        begin_pace(conversation, [again := conversation.add(turn, after=0, pane=1)])
        assert conversation.paced[again.number] is not pace

    run(main())
