"""What a ZeroGPU Space asks for. It is the kind that a free account can host; the hub itself needs no GPU.

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
    """Must be called before the page is built: `spaces` patches Gradio, and wants to be imported first."""
    import spaces

    spaces.GPU(_gpu_task)


def report(blocks: gr.Blocks) -> None:
    """Calls `launch` for the report alone: Gradio's own server would not drain, and would listen on a second port."""
    from gradio.cli.commands.reload import reload_thread

    reload_thread.running_reload = True  # in a reloading thread `launch` starts no server
    try:
        blocks.launch(ssr_mode=False)
    finally:
        reload_thread.running_reload = False


def _gpu_task() -> None:
    """Stands for the function that would need a GPU. It is never called."""
