"""The end of a handler that gives one update after the other, without its last update once more.

Gradio 6.31.0 sends the last update again when a handler has ended, after what others may have shown since: an answer
that has just begun would be replaced by what stood there before it. Where there was no update, it empties every output.
So the last update is one that changes nothing. May go when:
tests/ui/gradio_fixes/test_server_side.py::test_the_end_of_a_handler_sends_its_last_update_again fails.
"""

from __future__ import annotations

from contextlib import aclosing
from functools import wraps
from typing import TYPE_CHECKING, Any

import gradio as gr

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from llm_hub.ui.event_values import Updates


def end_quietly(handler: Callable[..., AsyncGenerator[Updates]], output: gr.HTML) -> Callable[..., Any]:
    """The handler, which also may give empty updates. `output` is one of its outputs."""
    nothing: Updates = {output: gr.skip()}

    @wraps(handler)
    async def run(*values: Any) -> AsyncGenerator[Updates]:
        async with aclosing(handler(*values)) as updates:
            async for update in updates:
                yield update or nothing
        yield nothing

    return run
