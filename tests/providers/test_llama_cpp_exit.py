"""Programs that end while the embedded model is at work: Python must not crash then."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]  # a busy machine may take long, and no test is about that

PROLOGUE = """
import asyncio, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what it starts in the background
from contextlib import suppress
from llm_hub.errors import LLMHubError
from llm_hub.chat import ChatRequest, Message, Role, TextDelta
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
provider = LlamaCppProvider(context=1024, parallel=2)
request = ChatRequest((Message(Role.USER, "Tell me a long story about a fox."),), temperature=0)
async def call_for_each_piece(then):
    async for event in provider.events(request):
        if isinstance(event, TextDelta):
            then()
"""


def run(program: str, *, interrupt: bool = False) -> tuple[int, str]:
    """Exit code and stderr of a program of its own. `interrupt` sends Ctrl-C once it has printed something."""
    code = PROLOGUE + textwrap.dedent(program)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        if interrupt:
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)
        return process.wait(), process.stderr.read()


def test_python_ends_in_order_while_a_chat_streams_in_a_thread() -> None:
    program = """
    streams = threading.Event()
    def chat():
        with suppress(LLMHubError):  # the chat ends without its end
            asyncio.run(call_for_each_piece(streams.set))
    threading.Thread(target=chat, daemon=True).start()
    assert streams.wait(500)
    """
    assert run(program) == (0, "")


def test_python_ends_in_order_while_the_model_loads_in_a_thread() -> None:
    program = """
    loads = threading.Event()
    async def main():
        async for event in provider.events(request):
            loads.set()
    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    assert loads.wait(500)
    """
    assert run(program) == (0, "")


def test_python_ends_in_order_when_a_chat_is_left_open() -> None:
    program = """
    async def main():
        global left
        left = provider.events(request)
        async for event in left:
            if isinstance(event, TextDelta):
                return
    asyncio.run(main())
    """
    assert run(program) == (0, "")


def test_ctrl_c_while_a_chat_streams_ends_in_a_keyboard_interrupt() -> None:
    program = """
    async def main():
        while True:  # a busy machine may send the signal when the first chat is over
            await call_for_each_piece(lambda: print("streams", flush=True))
    asyncio.run(main())
    """
    code, stderr = run(program, interrupt=True)
    assert code == -signal.SIGINT
    assert stderr.rstrip().endswith("KeyboardInterrupt")
