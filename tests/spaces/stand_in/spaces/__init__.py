"""What the platform's package `spaces` does at a start on ZeroGPU, for where the package itself is not installed."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable
from typing import Any

import gradio as gr

Task = Callable[..., Any]

decorated: list[Task] = []
_launch = gr.Blocks.launch


def GPU(task: Task) -> Task:  # noqa: N802  # the package's own name
    decorated.append(task)
    return task


def gradio_auto_wrap(task: Task) -> Task:
    return task


def _launch_and_report(*args: Any, **kwargs: Any) -> Any:
    if decorated:
        url = f"{os.environ['SPACES_ZERO_DEVICE_API_URL']}/startup-report"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()
    gr.Blocks.launch = _launch  # type: ignore[method-assign]  # as the package itself does
    return _launch(*args, **kwargs)


gr.Blocks.launch = _launch_and_report  # type: ignore[method-assign]
