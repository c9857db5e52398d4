"""What `import llm_hub` costs over a bare interpreter, and what the page costs over `import gradio`.

    uv run python -m benchmarks.imports

Each figure is the median of several fresh interpreters, all in one run. Bytecode is compiled first.
"""

from __future__ import annotations

import compileall
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROUNDS = 9


def _seconds(code: str) -> float:
    found = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


def _first_replies() -> tuple[float, float]:
    """Seconds from the start of `app.py` to the first HTTP 200, and to the page itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    begun = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py"], env=os.environ | {"LLM_HUB_PORT": str(port)}, stderr=subprocess.DEVNULL
    )
    first = None
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as reply:
                    first = first or time.perf_counter() - begun
                    if b"gradio_config" in reply.read():
                        return first, time.perf_counter() - begun
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.02)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def main() -> None:
    compileall.compile_dir("llm_hub", quiet=1)
    bare = _seconds("pass")
    ours = _seconds("import llm_hub")
    used = _seconds("from llm_hub import LLMProvider, Message, Role, ProviderFactory, LLMResponse")
    print(f"bare interpreter            {bare * 1e3:6.0f} ms")
    print(f"import llm_hub              {ours * 1e3:6.0f} ms  +{(ours - bare) * 1e3:.0f} ms (at most +50)")
    print(f"and its types and factory   {used * 1e3:6.0f} ms  +{(used - bare) * 1e3:.0f} ms")
    gradio = _seconds("import gradio")
    replies = [_first_replies() for _ in range(3)]
    first, page = (statistics.median(column) for column in zip(*replies, strict=True))
    print(f"import gradio               {gradio:6.2f} s")
    print(f"app.py to the first 200     {first:6.2f} s   {first / gradio:.2f}× (at most import gradio + 2 s)")
    print(f"app.py to the page itself   {page:6.2f} s   {page / gradio:.2f}×")


if __name__ == "__main__":
    main()
