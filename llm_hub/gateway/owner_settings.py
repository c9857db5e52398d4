"""The settings that the owner may change on the page: keys, servers and the route. They are written to `.env`.

There are any only where the settings foresee nobody but the owner (`Policy.owner_alone`): the page of any other hub
neither offers them nor takes them. A change is checked by the code that reads the settings at the start, then written,
then in force for the page and the API alike. Nothing here ever gives a key back, only its last characters.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.access.configured_providers import ConfiguredProviders
from llm_hub.chat import split_target
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.visitors import MAX_KEY_CHARS, key_ending
from llm_hub.providers.catalog import keys_variable, server_key_variable
from llm_hub.redaction import Redactor, redact_query
from llm_hub.setting_texts import change_env_file
from llm_hub.settings import PREFIX, Settings
from llm_hub.wire.validation import checked_key, checked_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_hub.gateway.policy import Policy
    from llm_hub.hub import Hub

log = logging.getLogger(__name__)

SERVERS, ROUTE = f"{PREFIX}SERVERS", f"{PREFIX}ROUTE"
MAX_SERVER_NAME_CHARS = 40
MAX_URL_CHARS = 500
MAX_ROUTE_CHARS = 2000
_SERVER_NAME = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_SERVER_NAME_CHARS - 1}}}")


@dataclass(frozen=True, slots=True)
class OwnerKey:
    """The owner's key for one provider. `ending` are its last characters, "" for a short key.

    `is_fixed`: `variable` is set in the environment, which wins over `.env`, so the page cannot change it.
    """

    provider: str
    variable: str
    is_set: bool
    ending: str
    is_fixed: bool


class OwnerSettings:
    """The keys, servers and route of one hub, as they are and as the owner changes them.

    Each change raises `ConfigurationError`, in words for the owner, and then nothing is written and nothing changed.
    """

    def __init__(self, hub: Hub, settings: Settings, redactor: Redactor | None = None) -> None:
        self._hub = hub
        hub.configured.takes_keys_on_page = True
        self._started_with = settings
        self._redactor = redactor or Redactor()
        self._changing = asyncio.Lock()
        self.file = settings.file or Path(".env")
        """The `.env` file."""

    @classmethod
    def of_owner_alone(
        cls, hub: Hub, policy: Policy, settings: Settings, redactor: Redactor | None
    ) -> OwnerSettings | None:
        """The owner's settings, or None on a hub that has none to change: others may use it, or no file was read."""
        return cls(hub, settings, redactor) if policy.owner_alone and settings.file else None

    def provider_keys(self) -> list[OwnerKey]:
        """Every provider that takes a key, in the order of the page."""
        configured = self._hub.configured
        return [self._key(configured, name) for name in configured.specs if configured.takes_key(name)]

    def servers(self) -> dict[str, str]:
        """The servers of LLM_HUB_SERVERS by name, with their address, or several of them, to be shown."""
        return {name: redact_query(", ".join(urls)) for name, urls in self._hub.configured.servers.items()}

    def route(self) -> tuple[str, ...]:
        """The targets of LLM_HUB_ROUTE."""
        return self._hub.configured.route

    async def set_key(self, provider: str, key: str) -> None:
        """Sets the key for a provider; an empty one removes it."""
        configured = self._hub.configured
        if not configured.takes_key(provider):
            raise ConfigurationError("There is no such provider, or it takes no key.")
        spec, variable = configured.specs[provider], configured.key_variable(provider)
        changes: dict[str, str | None] = {variable: None}
        if not is_in_environment(variable):
            variables = (*spec.key, *map(keys_variable, spec.key))
            changes = dict.fromkeys(name for name in variables if not is_in_environment(name))
        if key.strip():
            changes[variable] = self._checked_key(key, f"The key for {spec.title}")
        async with self._changing:
            await self._change(changes)

    async def set_server(self, name: str, url: str, key: str = "") -> None:
        """Adds a server, or gives it another address or key. A key goes to no other address than it was typed for."""
        name = name.strip().lower()
        if not _SERVER_NAME.fullmatch(name):
            raise ConfigurationError(
                "That cannot be a server's name.",
                hint=f"Use letters, digits, - and _, at most {MAX_SERVER_NAME_CHARS} of them.",
            )
        if len(url) > MAX_URL_CHARS or "," in url or "$" in url:
            raise ConfigurationError("The address is too long, or has a comma or a $ in it.")
        url = checked_url(url, "The address", takes_query=True)
        variable = server_key_variable(name)
        others = {
            taken: other for other, spec in self._hub.configured.specs.items() if other != name for taken in spec.key
        }
        if variable in others:
            raise ConfigurationError(
                f"The key of {name} would be {variable}, which is that of {others[variable]}.",
                hint="Choose another name.",
            )
        changes: dict[str, str | None] = {}
        if key.strip():
            changes[variable] = self._checked_key(key, f"The key for {name}")
        async with self._changing:
            settings = await self._settings_in_file()
            if name not in settings.servers and settings.value(variable, keys_variable(variable)):
                raise ConfigurationError(
                    f"The key of {name} would be {variable}, which is set already.",
                    hint="Choose another name, or take that variable away first.",
                )
            if settings.servers.get(name) != (url,):
                changes = {variable: None, keys_variable(variable): None, **changes}
            await self._change({SERVERS: _joined(settings.servers | {name: (url,)}), **changes}, new_server=name)

    async def remove_server(self, name: str) -> None:
        """Removes a server and its key."""
        if name in [split_target(target)[0] for target in self.route()]:
            raise ConfigurationError(f"The route asks {name}.", hint="Take it out of the route first.")
        async with self._changing:
            servers = dict((await self._settings_in_file()).servers)
            if servers.pop(name, None) is None:
                raise ConfigurationError("There is no such server.")
            variable = server_key_variable(name)
            await self._change({SERVERS: _joined(servers) or None, variable: None, keys_variable(variable): None})

    async def set_route(self, text: str) -> None:
        """Sets what `auto` asks, in order, separated by commas; an empty text removes the route."""
        targets = [target for part in text.replace("\n", ",").split(",") if (target := part.strip())]
        is_text = all(target.isprintable() for target in targets) and "$" not in text
        if len(text) > MAX_ROUTE_CHARS or not is_text or (text.strip() and not targets):
            raise ConfigurationError("That is no route.", hint="Write it as provider/model, provider/model, …")
        for target in targets:
            self._hub.configured.check(target)
        async with self._changing:
            await self._change({ROUTE: ",".join(targets) or None})

    async def _settings_in_file(self) -> Settings:
        """The settings as they are now: somebody may have added a server to the file since the start."""
        return await asyncio.to_thread(Settings.load, self.file)

    async def _change(self, changes: Mapping[str, str | None], *, new_server: str = "") -> None:
        for name, value in changes.items():
            if is_in_environment(name) and (value is not None or os.environ[name].strip()):
                raise _in_environment(name)

        def check(draft: Path) -> Settings:
            """The settings of the new file, as they can be in force at once: on the address that is listened on."""
            before = self._started_with
            same = {name: getattr(before, name) for name in ("host", "port", "allowed_hosts")}
            settings = Settings.load(draft).model_copy(update=same)
            configured = ConfiguredProviders(settings)
            if new_server and (error := configured.own_address(new_server)):
                raise error
            for name, value in changes.items():
                if settings.value(name) != (value or ""):
                    raise ConfigurationError(f"{name} cannot be set to that in {self.file}.")
            return settings

        self._hub.replace_settings(await asyncio.to_thread(change_env_file, self.file, changes, check))
        log.info("Changed on the page, in %s: %s", self.file, ", ".join(changes))

    def _key(self, configured: ConfiguredProviders, provider: str) -> OwnerKey:
        variable, key = configured.key_variable(provider), configured.owner_key(provider)
        return OwnerKey(provider, variable, bool(key), key_ending(key), is_in_environment(variable))

    def _checked_key(self, key: str, name: str) -> str:
        """The key, which from now on is kept out of the log."""
        if len(key) > MAX_KEY_CHARS:
            raise ConfigurationError(f"{name} is too long for a key.", hint="Copy the key again, in one line.")
        key = checked_key(key, name)
        self._redactor.hold(key)
        return key


def is_in_environment(variable: str) -> bool:
    """Whether a variable is set in the environment, be it to nothing: then that of `.env` does not count."""
    return variable in os.environ


def _in_environment(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{name} is set in the environment, which wins over .env.",
        hint="Change it there and start again, or unset it there to set it here.",
    )


def _joined(servers: Mapping[str, Sequence[str]]) -> str:
    return ",".join(f"{name}={url}" for name, urls in servers.items() for url in urls)
