"""The programs that are measured beside each other: the hub, its peers and their provider, each in its own process."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from benchmarks.load import Clients, Question, RequestFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

SETTLING = 15.0
"""Seconds after which what starts in the background, the page above all, has started."""
HERE = Path(__file__).parent.parent
KEY = "sk-fake-0123456789abcdef"
BEARER = {"authorization": f"Bearer {KEY}"}
COMPLETIONS = "/v1/chat/completions"
EMPTY_PAGE = """
import sys, gradio as gr, uvicorn
from fastapi import FastAPI
with gr.Blocks() as blocks: gr.Chatbot(); gr.Textbox()
app = gr.mount_gradio_app(FastAPI(), blocks, path="/", ssr_mode=False)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway that can be measured. The port stands as PORT in its command and its environment."""

    name: str
    command: list[str]
    path: str
    model: str
    headers: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs."""

    gateway: Gateway
    url: str
    process: psutil.Process


def _free() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@contextmanager
def _process(command: list[str], core: int, folder: str, **environment: str) -> Iterator[psutil.Process]:
    env = {**os.environ, **environment}
    log = (Path(folder) / "log").open("wb")
    process = psutil.Popen(["taskset", "-c", str(core), *command], cwd=folder, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        for member in _family(process):
            member.terminate()
        process.wait(30)
        log.close()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def cpu(process: psutil.Process) -> float:
    return sum(times.user + times.system for times in (member.cpu_times() for member in _family(process)))


def memory(process: psutil.Process) -> float:
    return sum(member.memory_full_info().pss for member in _family(process)) / 1e6


def question(running: Running, words: str) -> Question:
    return Question(running.url, running.gateway.model, words, running.gateway.headers)


async def _ready(running: Running, patience: float = 90.0) -> None:
    end = time.monotonic() + patience
    while True:
        try:
            clients = await Clients.connect(running.url, 1)
            await clients.ask_once(question(running, "call"))
        except (OSError, RequestFailed) as error:
            if time.monotonic() > end or not running.process.is_running():
                raise RuntimeError(f"{running.gateway.name} does not answer: {error}") from None
            await asyncio.sleep(0.3)
        else:
            clients.close()
            return


@contextmanager
def started(gateway: Gateway, core: int = 0) -> Iterator[Running]:
    port = str(_free())
    command = [word.replace("PORT", port) for word in gateway.command]
    environment = {name: value.replace("PORT", port) for name, value in gateway.environment.items()}
    with tempfile.TemporaryDirectory() as folder, _process(command, core, folder, **environment) as process:
        running = Running(gateway, f"http://127.0.0.1:{port}{gateway.path}", process)
        try:
            asyncio.run(_ready(running))
        except RuntimeError:
            print((Path(folder) / "log").read_text()[-2000:])
            raise
        yield running


def gradio_alone() -> float:
    port = _free()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY_PAGE)
        with _process([sys.executable, str(script), str(port)], 0, folder) as running:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            time.sleep(SETTLING)
            return memory(running)


def fake_provider() -> Gateway:
    command = [sys.executable, "-m", "benchmarks.fake_provider", "PORT"]
    return Gateway("directly", command, COMPLETIONS, "fake", environment={"PYTHONPATH": str(HERE)})


def hubs(name: str, folder: Path, upstream: str) -> list[Gateway]:
    """LLM Hub in that folder, with OpenAI's client and with Anthropic's."""
    command = [sys.executable, str(folder / "app.py")]
    openai = {"LLM_HUB_PORT": "PORT", "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{upstream}/v1"}
    claude = {"LLM_HUB_PORT": "PORT", "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": upstream}
    version = {"anthropic-version": "2023-06-01"}
    return [
        Gateway(f"{name}, OpenAI", command, COMPLETIONS, "openai/fake", environment=openai),
        Gateway(f"{name}, Claude", command, "/v1/messages", "anthropic/fake", version, claude),
    ]


def peers(folder: Path, scratch: Path, upstream: str) -> dict[str, Gateway | None]:
    """The other gateways, as far as they are installed in that folder: see benchmarks/gateways.py."""
    ferrogw, litellm = folder.resolve() / "bin" / "ferrogw", folder.resolve() / "bin" / "litellm"
    portkey = folder.resolve() / "node_modules" / "@portkey-ai" / "gateway"
    return {
        "ferrogw": _ferrogw(ferrogw, scratch, upstream) if ferrogw.exists() else None,
        "Portkey": _portkey(portkey, upstream) if portkey.exists() else None,
        "LiteLLM": _litellm(litellm, scratch, upstream) if litellm.exists() else None,
    }


def _ferrogw(program: Path, scratch: Path, upstream: str) -> Gateway:
    settings = scratch / "ferrogw.yaml"
    settings.write_text("strategy:\n  mode: single\ntargets:\n- virtual_key: openai\n  models: [fake]\n")
    environment = {
        "PORT": "PORT", "HOST": "127.0.0.1", "GATEWAY_CONFIG": str(settings), "MASTER_KEY": f"fgw_{KEY}",
        "ALLOW_UNAUTHENTICATED_PROXY": "true", "RATE_LIMIT_RPS": "0", "FERRO_MODEL_CATALOG_TIMEOUT": "0",
        "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{upstream}/v1",
    }  # fmt: skip
    return Gateway("ferrogw", [str(program)], COMPLETIONS, "fake", environment=environment)


def _portkey(folder: Path, upstream: str) -> Gateway:
    command = ["node", str(folder / "build" / "start-server.js"), "--headless", "--port=PORT"]
    headers = {"x-portkey-provider": "openai", "x-portkey-custom-host": f"{upstream}/v1"}
    trusted = {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    return Gateway("Portkey", command, COMPLETIONS, "fake", {**BEARER, **headers}, trusted)


def _litellm(program: Path, scratch: Path, upstream: str) -> Gateway:
    settings = scratch / "litellm.yaml"
    settings.write_text(
        "model_list:\n- model_name: fake\n  litellm_params:\n    model: openai/fake\n"
        f"    api_base: {upstream}/v1\n    api_key: {KEY}\n"
    )
    command = [str(program), "--config", str(settings), "--host", "127.0.0.1", "--port", "PORT"]
    return Gateway("LiteLLM", command, COMPLETIONS, "fake", BEARER, {"LITELLM_MASTER_KEY": KEY})
