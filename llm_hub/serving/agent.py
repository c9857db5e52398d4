"""`llm-hub agent claude -- …`: starts a coding agent whose requests go through the hub, and the hub if none runs.

What leads the agent to the hub stands in the environment of the agent's process alone. The hub reads variables of the
same names for its upstream: with its own address in them it would ask itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError
from llm_hub.serving.address import OPENER, browser_host, hub_answers
from llm_hub.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAX_START_SECONDS = 60.0
"""Seconds that a hub gets to answer its first request."""
KEY_VARIABLE = "LLM_HUB_AGENT_KEY"
ANY_KEY = "any-key"
"""What is sent to a hub that takes no keys: the agents do not start without one."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The hub as an agent is told of it. `model` is "auto", or "" where the hub knows the agent's own models."""

    address: str
    key: str
    model: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A coding agent: its program, the npm package it comes in, and the provider whose models it asks for by itself.

    `variables` and `options` lead it to the hub; the `bypasses` are variables that would lead it elsewhere.
    """

    program: str
    package: str
    provider: str
    variables: Callable[[Connection], Mapping[str, str]]
    options: Callable[[Connection], Sequence[str]]
    bypasses: tuple[str, ...] = ()


def _claude_variables(hub: Connection) -> dict[str, str]:
    """https://code.claude.com/docs/en/llm-gateway and …/model-config. What the user has chosen stays."""
    variables = {"ANTHROPIC_BASE_URL": hub.address, "ANTHROPIC_AUTH_TOKEN": hub.key}
    if hub.model:
        sizes = ("OPUS", "SONNET", "HAIKU")
        models = ("ANTHROPIC_MODEL", *(f"ANTHROPIC_DEFAULT_{size}_MODEL" for size in sizes))
        variables |= {name: os.environ.get(name) or hub.model for name in models}
    return variables


def _codex_options(hub: Connection) -> list[str]:
    """https://developers.openai.com/codex/config-advanced: a provider for this run, beside what config.toml says."""
    provider = {
        "name": "LLM Hub",
        "base_url": f"{hub.address}/v1",
        "wire_api": "responses",
        "env_key": KEY_VARIABLE,
    }
    settings = {f"model_providers.llm_hub.{name}": value for name, value in provider.items()}
    settings["model_provider"] = "llm_hub"
    if hub.model:
        settings["model"] = hub.model
    return [word for name, value in settings.items() for word in ("-c", f"{name}={json.dumps(value)}")]


AGENTS = {
    "claude": Agent(
        program="claude",
        package="@anthropic-ai/claude-code",
        provider="anthropic",
        variables=_claude_variables,
        options=lambda _: (),
        bypasses=(
            "ANTHROPIC_API_KEY",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "CLAUDE_CODE_USE_BEDROCK",
            "CLAUDE_CODE_USE_VERTEX",
            "CLAUDE_CODE_USE_FOUNDRY",
        ),
    ),
    "codex": Agent(
        program="codex",
        package="@openai/codex",
        provider="openai",
        variables=lambda hub: {KEY_VARIABLE: hub.key},
        options=_codex_options,
    ),
}


def main(name: str, arguments: Sequence[str]) -> int:
    """Runs the agent. Returns its exit code, or 2 for what keeps it from starting."""
    for signum in _ending_signals():
        signal.signal(signum, lambda number, _: sys.exit(128 + number))
    try:
        agent, settings = AGENTS[name], Settings.load()
        program = _find_program(agent)
        keys = [settings.agent_key, *settings.api_keys.values()]
        key = next(filter(None, (key.get_secret_value() for key in keys)), ANY_KEY)
        with _running_hub(f"http://{browser_host(settings.host)}:{settings.port}", name) as address:
            hub = Connection(address, key, "" if _is_ready(agent.provider, address, key) else "auto")
            return _run([program, *agent.options(hub), *arguments], _environment(agent, hub))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _find_program(agent: Agent) -> str:
    if program := shutil.which(agent.program):
        return program
    raise ConfigurationError(
        f"{agent.program} is not installed, or not on the PATH.",
        hint=f"Install it: `npm install -g {agent.package}`.",
    )


@contextmanager
def _running_hub(address: str, name: str) -> Iterator[str]:
    """The hub at that address: the one that runs there, or one that is started, and ended at the end."""
    if hub_answers(address):
        sys.stderr.write(f"{name} asks LLM Hub, which is running at {address}\n")
        yield address
        return
    with tempfile.NamedTemporaryFile(prefix="llm-hub-", suffix=".log", delete=False) as log:
        # -P: the folder may be any project, with modules named like those that the hub imports. In a session of its
        # own, Ctrl-C in the agent's terminal does not reach it.
        command = [sys.executable, "-P", "-m", "llm_hub"]
        process = subprocess.Popen(  # noqa: S603  # this program
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_it_answers(process, address, Path(log.name))
        sys.stderr.write(f"{name} asks LLM Hub, started for it at {address}; its log is {log.name}\n")
        yield address
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + MAX_START_SECONDS
    while not hub_answers(address):  # which may be another that was started at the same moment
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").strip().splitlines()
            raise ConfigurationError(
                f"LLM Hub did not start: {lines[-1] if lines else 'it said nothing'}", hint=f"Its log is {log}."
            )
        time.sleep(0.05)


def _is_ready(provider: str, address: str, key: str) -> bool:
    """Whether the hub can ask that provider. Raises `ConfigurationError` for a key that the hub does not know."""
    request = urllib.request.Request(  # noqa: S310  # the hub's own address
        f"{address}/v1/providers/{provider}", headers={"Authorization": f"Bearer {key}"}
    )
    try:
        with OPENER.open(request, timeout=30) as reply:
            description: dict[str, Any] = json.load(reply)
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403):
            raise ConfigurationError(f"LLM Hub at {address} answered with status {error.code}.") from None
        raise ConfigurationError(
            f"LLM Hub at {address} takes keys, and {'not this one' if key != ANY_KEY else 'none is set'}.",
            hint=f"Set {KEY_VARIABLE} to one of its keys, in the environment or in .env.",
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"LLM Hub at {address} did not answer: {error}.") from None
    return bool(description.get("ready"))


def _environment(agent: Agent, hub: Connection) -> dict[str, str]:
    """The agent's environment: the user's, and what leads it to the hub and nowhere else."""
    environment = {name: value for name, value in os.environ.items() if name not in agent.bypasses}
    host = hub.address.removeprefix("http://").rpartition(":")[0]
    for name in ("NO_PROXY", "no_proxy"):  # programs differ in which of the two they read
        environment[name] = ",".join(filter(None, (environment.get(name), host)))
    return {**environment, **agent.variables(hub)}


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs the agent in this terminal until it ends. Returns its exit code, as a shell has it."""
    # The terminal sends Ctrl-C to the agent itself, which decides what it means. A handler, unlike SIG_IGN, is not
    # inherited by the agent.
    signal.signal(signal.SIGINT, lambda *_: None)
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603  # what the user asks for
        for signum in set(_ending_signals()) - {signal.SIGINT}:
            signal.signal(signum, lambda number, _: process.send_signal(number))
        code = process.wait()
    return code if code >= 0 else 128 - code


def _ending_signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
