"""What the platform's package `spaces` does at a start on ZeroGPU, for where the package itself is not installed."""

import os
import urllib.request

import gradio as gr

decorated = []
_launch = gr.Blocks.launch


def GPU(task):  # noqa: N802  # the package's own name
    decorated.append(task)
    return task


def gradio_auto_wrap(task):
    return task


def _reporting(*args, **kwargs):
    if decorated:
        url = f"{os.environ['SPACES_ZERO_DEVICE_API_URL']}/startup-report"
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()
    gr.Blocks.launch = _launch
    return _launch(*args, **kwargs)


gr.Blocks.launch = _reporting
