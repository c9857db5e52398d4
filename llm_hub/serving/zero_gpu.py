"""A ZeroGPU Space: the kind that a free account can host. The hub needs no GPU, but has to look as if it might.

The platform's package `spaces` reports the start of the Space when `Blocks.launch` is called, if a function is
decorated with `spaces.GPU` by then; a Space that does not report is ended. Serving stays the server's own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr


def is_zero_gpu() -> bool:
    """Whether this is such a Space, as `spaces` itself decides it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def prepare() -> None:
    """Has to be called before the page is built: `spaces` wants to be imported before what it patches is used."""
    import spaces

    spaces.GPU(_nothing)


def report(blocks: gr.Blocks) -> None:
    """Calls `launch` for the report alone: Gradio's own server would not drain, and would listen on a second port."""
    from gradio.cli.commands.reload import reload_thread

    reload_thread.running_reload = True  # in a reloading thread `launch` starts no server
    try:
        blocks.launch(ssr_mode=False)
    finally:
        reload_thread.running_reload = False


def _nothing() -> None:
    """Nobody calls it."""
