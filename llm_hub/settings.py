"""The settings: from the environment, and from a `.env` file below it.

The hub's own begin with LLM_HUB_ and are the fields of `Settings`. Providers use the names that people already have
(OPENAI_API_KEY, …): which they are is written in `providers/catalog.py`, and `value` reads them.
"""

from __future__ import annotations

import os
import re
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from llm_hub import setting_texts as texts
from llm_hub.chat import Order
from llm_hub.errors import ConfigurationError
from llm_hub.setting_texts import read_env_file

PREFIX = "LLM_HUB_"
_SECRET = re.compile(r"(?:KEY|TOKEN|SECRET|PASSWORD)S?$", re.IGNORECASE)


class Settings(BaseSettings):
    """The hub's own settings. `load` reads them; the constructor is for tests and programs."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        dotenv_filtering="only_existing",  # `load` has refused unknown ones: to look for them again takes half the time
        extra="ignore",
        hide_input_in_errors=True,
        validate_default=True,
    )

    host: str = Field("", description="Address to listen on. 127.0.0.1; on a Space 0.0.0.0.")
    port: int = Field(7860, ge=1, le=65535, description="Port to listen on.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Names that browsers may call it by, beside localhost: hub.example.com, …"
    )
    local_model: str = Field(
        "", description="The embedded model: a path to a GGUF file, or org/repo:file.gguf on Hugging Face."
    )
    local_downloads: bool | None = Field(
        None,
        description="Offers larger embedded models for download on the Chat tab. On the owner's own computer, and not "
        "where others can reach the page: they would fill the disk.",
    )
    servers: Annotated[dict[str, tuple[str, ...]], NoDecode] = Field(
        {},
        description="More OpenAI-compatible servers: name=URL, separated by commas; a name that is there twice has two "
        "addresses. NAME_API_KEY holds a key, NAME_API_KEYS several.",
    )
    connect_timeout: float = Field(5.0, gt=0, le=600, description="Seconds to connect to a provider.")
    first_token_timeout: float = Field(
        12.0, gt=0, le=3600, description="Seconds until a server sends anything, where the model answers at once."
    )
    reasoning_timeout: float = Field(
        30.0, gt=0, le=3600, description="The same where the model thinks first, as its name tells."
    )
    thinking_timeout: float = Field(
        120.0,
        gt=0,
        le=3600,
        description="Seconds to the next token from a server that shows that it is alive, or that stands on one's own "
        "network, where long prompts are read without a sign.",
    )
    loading_timeout: float = Field(
        600.0, gt=0, le=86400, description="Seconds to the first token while a server says that it loads the model."
    )
    idle_timeout: float = Field(15.0, gt=0, le=3600, description="Seconds between two tokens, without a sign of life.")
    total_timeout: float = Field(600.0, gt=0, le=86400, description="Seconds for an answer altogether.")
    proxy_visitors: bool = Field(
        False, description="Visitors' keys travel through the proxy and trust the certificates that are set here, too."
    )
    route: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="What `auto` asks, in order, and what follows a chosen model that fails: provider/model, …"
    )
    order: Order = Field("given", description="The order in which these are asked: given, fastest or cheapest first.")
    hedge: bool = Field(False, description="Asks the next of these as well where one is unusually slow to begin.")
    max_retries: int = Field(2, ge=0, le=10, description="How often the same model is asked again before the next.")
    cooldown: float = Field(30.0, gt=0, le=86400, description="Seconds that a model is paused after 3 failures.")
    midstream: Literal["resume", "fail"] = Field(
        "resume", description="What happens to an answer that breaks off: resume it elsewhere, or fail."
    )
    cache_prompts: bool = Field(False, description="Marks Anthropic's tools and system prompts for its cache.")
    api_keys: Annotated[dict[str, SecretStr], NoDecode] = Field(
        {}, description="Who may use the API: name=key, separated by commas. Without any: this computer alone."
    )
    agent_key: SecretStr = Field(
        SecretStr(""),
        description="The key that `llm-hub agent` sends to a hub that takes keys; else the first of them.",
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="The key that `llm-hub run --hub` sends to a hub that takes keys."
    )
    shutdown_timeout: float = Field(
        20.0, ge=0, le=3600, description="Seconds that running answers get to finish when the hub is stopped."
    )
    limit_requests: int | None = Field(None, ge=1, le=10**9, description="Requests a minute for each key of the API.")
    limit_tokens: int | None = Field(None, ge=1, le=10**15, description="Tokens a day for each key of the API.")
    limit_money: Decimal | None = Field(
        None, gt=0, le=10**6, allow_inf_nan=False, description="US dollars a day for each key of the API."
    )
    redis_url: str = Field(
        "",
        repr=False,
        description="What several hubs share their limits and pauses through: redis://:password@host:6379/0.",
    )
    key_mode: Literal["", "owner", "visitor"] = Field(
        "",
        description="Who pays for what is asked on the page: the owner, with the keys set here, or each visitor, with "
        "keys of their own. The owner on this computer alone; visitors where others can reach the page.",
    )
    visitor_requests: int = Field(
        10, ge=1, le=10**6, description="Requests a minute for each visitor whom the owner pays for."
    )
    visitor_tokens: int = Field(
        100_000, ge=1, le=10**12, description="Tokens a day for each visitor whom the owner pays for."
    )
    daily_tokens: int = Field(
        2_000_000, ge=1, le=10**15, description="Tokens a day for all visitors whom the owner pays for."
    )
    daily_money: Decimal = Field(
        Decimal(5), gt=0, le=10**6, allow_inf_nan=False, description="US dollars a day for all those visitors together."
    )
    prices: Annotated[dict[str, tuple[Decimal, ...]], NoDecode] = Field(
        {},
        description="What models cost that lists do not know, or know otherwise: provider/model=2/10, provider=2/10, "
        "US dollars for a million tokens of prompt and answer; 2/10/0.2/2.5: also read from a cache, written to it.",
    )
    ledger_days: int = Field(365, ge=0, le=10**6, description="Days that rows of the ledger are kept; 0: for ever.")
    alert_webhook: SecretStr = Field(
        SecretStr(""),
        description="The URL that is told, by a JSON POST, when a model is paused or a day's money is nearly spent.",
    )
    chaos: bool = Field(False, description="Adds a provider that fails in every way, to watch what happens.")

    database_url: str = Field(
        "sqlite:///llm-hub.db",
        repr=False,
        description="Where votes and the ledger are kept: sqlite:///file or postgresql://user:password@host/name.",
    )
    history: Literal["", "off"] = Field(
        "",
        description="Where the page's conversations are kept: in the database on the owner's own computer, in each "
        "visitor's browser where others can reach the page, and nowhere with off.",
    )
    checks: float = Field(
        0.0,
        ge=0,
        le=1440,
        allow_inf_nan=False,
        description="Minutes between two checks of the route's models, 1 at least; 0: off.",
    )
    otel: bool = Field(
        False, description="Sends a span of each answer and attempt to OTEL_EXPORTER_OTLP_ENDPOINT, by OTLP over HTTP."
    )
    log_format: Literal["plain", "json"] = Field("plain", description="The log's lines: plain text or json.")

    _environment: dict[str, str] = PrivateAttr(default_factory=dict)
    _file: Path | None = PrivateAttr(None)

    @classmethod
    def load(cls, env_file: Path = Path(".env")) -> Settings:
        """The settings of the environment and of `env_file`, if there is one; the environment wins.

        Raises `ConfigurationError` that names the line or the setting, and never shows a value.
        """
        environment = {**read_env_file(env_file), **os.environ}
        for name in environment:
            own = name.upper()
            if own.startswith(PREFIX) and own.removeprefix(PREFIX).lower() not in cls.model_fields:
                near = get_close_matches(own, cls.names(), n=1)
                raise ConfigurationError(
                    f"{own} is not a setting.", hint=f"Did you mean {near[0]}?" if near else "See .env.example."
                )
        try:
            settings = cls(_env_file=env_file, _env_file_encoding="utf-8-sig")
        except ValidationError as error:
            raise ConfigurationError(texts.describe(error, PREFIX)) from None
        settings._environment = environment
        settings._file = env_file.absolute()
        return settings

    @property
    def file(self) -> Path | None:
        """The `.env` file that `load` looked for, be it there or not; None for settings that a program made."""
        return self._file

    @classmethod
    def names(cls) -> list[str]:
        """The hub's own settings as the environment names them."""
        return [PREFIX + field.upper() for field in cls.model_fields]

    def secrets(self) -> tuple[str, ...]:
        """What must not stand in any log: the keys, and what the environment names as such."""
        lists = (value for name, value in self._environment.items() if _SECRET.search(name))
        named = (part.strip() for value in lists for part in (value, *value.split(",")))
        proxies = (value for name, value in self._environment.items() if name.lower().endswith("_proxy"))
        passwords = (password for url in proxies if (password := texts.password(url)))
        own = (key.get_secret_value() for key in (self.agent_key, self.api_key, *self.api_keys.values()))
        webhook = self.alert_webhook.get_secret_value()
        return tuple({*named, *passwords, *own, webhook, texts.path_of(webhook)} - {""})

    def value(self, *names: str) -> str:
        """The first of these variables of the environment that is set and not blank, or ""."""
        for name in names:
            if value := self._environment.get(name, "").strip():
                return value
        return ""

    @property
    def on_space(self) -> bool:
        """Whether this is a Hugging Face Space."""
        return bool(os.environ.get("SPACE_ID"))

    @property
    def public_names(self) -> frozenset[str]:
        """The names that others reach the hub by, as far as the settings tell."""
        names = (*self.allowed_hosts, os.environ.get("SPACE_HOST", "") if self.on_space else "")
        return frozenset(name.lower() for name in names if name)

    @property
    def public(self) -> bool:
        """Whether others than the owner can reach the page, as far as the settings tell."""
        here = self.host in ("localhost", "::1") or self.host.startswith("127.")
        return self.on_space or not here or bool(self.allowed_hosts)

    @property
    def owner_pays(self) -> bool:
        """Whether those who visit the page use the owner's keys."""
        return (self.key_mode or ("visitor" if self.public else "owner")) == "owner"

    @field_validator("host")
    @classmethod
    def _reachable_on_a_space(cls, host: str) -> str:
        return host or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")  # noqa: S104  # a Space's proxy is outside

    _route = field_validator("route", mode="before")(texts.names)
    _hosts = field_validator("allowed_hosts", mode="before")(texts.host_names)
    _keys = field_validator("api_keys", mode="before")(texts.named_keys)
    _rates = field_validator("prices", mode="before")(texts.named_prices)
    _webhook = field_validator("alert_webhook", mode="before")(texts.web_address)
    _addresses = field_validator("servers", mode="before")(texts.named_urls)
    _check_interval = field_validator("checks")(texts.minutes_apart)
    _redis = field_validator("redis_url")(texts.redis_address)
    _database = field_validator("database_url")(texts.database_address)
