"""`llm-hub check`: says what is configured, what answers and what is missing. It starts nothing, and shows no key.

Every provider that is set up is asked for its models at the same time, which costs nothing. Some services list their
models for any key, so a key that is refused for answers may pass here.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub import __version__
from llm_hub.chat import split_target
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.hub import Hub
from llm_hub.providers.llamacpp.download import download_size, downloaded_path
from llm_hub.providers.llamacpp.model_file import find_model_file
from llm_hub.redaction import Redactor
from llm_hub.serving.address import browser_host, hub_answers
from llm_hub.serving.server import bind
from llm_hub.serving.service_checks import MAX_REPLY_SECONDS, Finding, check_services
from llm_hub.settings import Settings
from llm_hub.wire.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.access.session import ProviderState, Session

ENV_FILE = Path(".env")


def main() -> int:
    """Prints the report. Returns the exit code: 0 if a model can answer, 1 if none can, 2 for wrong settings."""
    logging.getLogger().addHandler(logging.NullHandler())  # what went wrong stands in the report
    try:
        settings = Settings.load(ENV_FILE)
        own, providers = asyncio.run(check(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    able = [finding.subject for finding in providers if finding.verdict == "ok"]
    report = [
        f"LLM Hub {__version__}",
        *map(str, own),
        "",
        "Providers",
        *map(str, providers),
        "",
        f"{len(able)} of {len(providers)} providers can answer: {', '.join(able)}." if able else "No model can answer.",
    ]
    redactor = Redactor(settings.secrets())
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal may know no "…"
    sys.stdout.write(redactor("\n".join(report)) + "\n")
    return 0 if able else 1


async def check(settings: Settings) -> tuple[list[Finding], list[Finding]]:
    """What was found out about the hub itself, and about each provider. Raises `ConfigurationError`."""
    hub = Hub(settings)
    session = hub.session()
    try:
        services, providers = await asyncio.gather(
            check_services(settings),
            asyncio.gather(*(_provider(session, settings, state) for state in session.providers())),
        )
    finally:
        await hub.aclose()
    return [*_own_settings(settings), _route(session, settings, providers), *services], providers


def _own_settings(settings: Settings) -> Iterator[Finding]:
    source = f"the environment and {ENV_FILE.resolve()}" if ENV_FILE.exists() else "the environment; no .env is here"
    yield Finding("settings", "ok", source)
    yield _address(settings)
    payer = "your keys pay for it" if settings.owner_pays else "visitors pay with keys of their own"
    yield Finding("page", "ok", f"for {'everybody who reaches it' if settings.public else 'this computer'}; {payer}")
    names = ", ".join(settings.api_keys)
    yield Finding(
        "API", "ok", f"for the keys named {names}" if names else "for programs on this computer, without a key"
    )


def _address(settings: Settings) -> Finding:
    address = f"http://{browser_host(settings.host)}:{settings.port}"
    try:
        bind(settings.host, settings.port).close()
    except ConfigurationError as error:
        if hub_answers(address):
            return Finding("address", "ok", f"{address}, where LLM Hub is running")
        return Finding("address", "no", str(error))
    return Finding("address", "ok", f"{address}, which is free")


def _route(session: Session, settings: Settings, providers: list[Finding]) -> Finding:
    able = {finding.subject for finding in providers if finding.verdict == "ok"}
    unable = [target for target in session.route if split_target(target)[0] not in able]
    if settings.order == "given":
        text = f"auto asks {', then '.join(session.route)}"
    else:
        text = f"auto asks {', '.join(session.route)}, the {settings.order} first"
    if settings.hedge:
        text += "; the next one as well where one is slow to begin"
    if unable:
        text += f"; not ready: {', '.join(unable)}"
    return Finding("route", "no" if len(unable) == len(session.route) else "ok", text)


async def _provider(session: Session, settings: Settings, state: ProviderState) -> Finding:
    if not state.ready:
        return Finding(state.name, "no" if state.asks_itself else "-", state.problem)
    if state.name == "local":
        try:
            return Finding(state.name, "ok", await asyncio.to_thread(_embedded_model, settings))
        except LLMHubError as error:
            return Finding(state.name, "no", str(error))
    replies = await asyncio.gather(*(_list_models(session, state.name, place) for place in range(state.ways)))
    problems = [reply for reply in replies if isinstance(reply, str)]
    counts = [reply for reply in replies if isinstance(reply, int)]
    if not counts:
        return Finding(state.name, "no", " ".join(dict.fromkeys(problems)))
    text = f"lists {counts[0]} model{'s' if counts[0] > 1 else ''}"
    if state.ways > 1:
        text = " ".join((f"{text}; {len(counts)} of its {state.ways} keys or servers answer.", *problems))
    return Finding(state.name, "ok", text)


async def _list_models(session: Session, provider: str, place: int) -> int | str:
    """How many models a provider lists, for one of several keys or servers, or what is wrong."""
    try:
        async with asyncio.timeout(MAX_REPLY_SECONDS):
            return len(await session.models_at(provider, place)) or "has no models"
    except TimeoutError:
        return f"gave no answer in {MAX_REPLY_SECONDS:.0f} s"
    except LLMHubError as error:
        return str(error)


def _embedded_model(settings: Settings) -> str:
    """Where the embedded model's file is. Raises `LLMHubError` where it is nowhere, and cannot be downloaded."""
    if not find_spec("xllamacpp"):
        raise ConfigurationError("llama.cpp is not installed.", hint="Install it: `pip install xllamacpp`.")
    file = find_model_file(settings.local_model or None)
    if file.path:
        return f"{file.title}, {file.path if settings.local_model else 'packaged'}"
    if path := downloaded_path(file):
        return f"{file.title}, downloaded to {path}"
    size = download_size(file, token=settings.value("HF_TOKEN") or None, network=Network.read(settings.value))
    return f"{file.title}, {size // 10**6} MB, downloaded when it is first asked"
