"""A hub that runs elsewhere, asked at its API: `POST /v1/chat`.

    async with RunningHub.open("http://127.0.0.1:7860", key, prices=prices, max_tries=3) as hub:
        runner = Runner(hub, store, run_id, plan, cells={})

Answers, attempts, tokens, prices and the time of the first token are what its replies say. What it gives no price for
is priced by this process. What the hub itself refuses, or does not answer, ends a run and fails no cell: the run can go
on.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import orjson

from llm_hub.access.available_providers import ProviderState
from llm_hub.chat import Attempt, Done, LLMResponse, Timing, split_target
from llm_hub.errors import ConfigurationError, InvalidRequest, ProviderError, RateLimited, errors_by_kind
from llm_hub.wire.retry_after import retry_after

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping

    import aiohttp

    from llm_hub.chat import ChatRequest, Event
    from llm_hub.usage.prices import Prices

_SECONDS_TO_CONNECT = 10.0
_OWN_FAILURES = {400: InvalidRequest, 429: RateLimited}
"""By status: the error of a request that the hub did not pass on to any provider, where another may fare better."""


class RunningHub:
    """A hub at an address, as a runner asks it. It is its own `RunSession`: what `open` was told of the providers."""

    def __init__(
        self,
        address: str,
        client: aiohttp.ClientSession,
        providers: Mapping[str, dict[str, Any]],
        prices: Prices,
        max_tries: int,
    ) -> None:
        self.address = address
        self._client = client
        self._providers = providers
        self.prices = prices
        self.max_tries = max_tries

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str, key: str, *, prices: Prices, max_tries: int) -> AsyncIterator[RunningHub]:
        """The hub at that address, with the API key that it has given out; "" for none. `max_tries` is how often it is
        taken to ask a target. Raises `ConfigurationError` if no hub answers there, or it refuses the key."""
        import aiohttp

        if urlsplit(address).scheme not in ("http", "https"):
            raise ConfigurationError(f"{address} is no address of a hub.", hint="Write http://HOST:PORT.")
        async with aiohttp.ClientSession(
            headers={"authorization": f"Bearer {key}"} if key else {},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS_TO_CONNECT),  # the hub has its own
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as client:
            hub = cls(address.rstrip("/").removesuffix("/v1"), client, {}, prices, max_tries)
            names = (await hub._get("/v1/providers"))["providers"]
            described = await asyncio.gather(*(hub._get(f"/v1/providers/{quote(name, safe='')}") for name in names))
            hub._providers = dict(zip(names, described, strict=True))
            yield hub

    @property
    def session(self) -> RunningHub:
        """What is known of its providers."""
        return self

    async def answer(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer, as one event: see `AnsweringHub`."""
        body = {
            "model": request.model,
            "messages": [{"role": message.role.value, "content": message.content} for message in request.messages],
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
            "fallback": request.fallback,
        }
        if request.effort is not None:  # an earlier hub knows no such field
            body["effort"] = request.effort
        status, wait, reply = await self._ask("POST", "/v1/chat", orjson.dumps(body))
        if status != 200:
            raise self._error(status, wait, reply.get("error", {}))
        attempts = self._attempts(reply)
        firsts = (each.started + each.first_token for each in attempts if each.first_token is not None)
        yield Done(
            LLMResponse(
                reply["content"],
                reply["model"],
                reply["usage"],
                reply["finish_reason"],
                reply["provider"],
                timing=Timing(next(firsts, None), attempts[-1].started + attempts[-1].seconds if attempts else 0.0),
                attempts=attempts,
            )
        )

    def providers(self) -> tuple[ProviderState, ...]:
        """Every provider of the hub, in its order."""
        return tuple(
            ProviderState(name, each["title"], each["ready"], each["problem"], each["default_model"], ())
            for name, each in self._providers.items()
        )

    def has_provider(self, name: str) -> bool:
        """Whether the hub has a provider of that name, be it ready or not."""
        return name in self._providers

    def target(self, name: str) -> str:
        """A target with its model: a provider's name alone means the provider's default model."""
        provider, model = split_target(name)
        return name if model or provider not in self._providers else f"{provider}/{self._default_model(provider)}"

    def _default_model(self, provider: str) -> str:
        return str(self._providers[provider]["default_model"])

    async def model_names(self, provider: str, patience: float = 0.0) -> tuple[str, ...]:  # noqa: ARG002  # they are known
        """The names of a provider's models, as the hub lists them."""
        return tuple(self._providers[provider]["models"])

    async def warm_up(self, provider: str) -> None:
        """Nothing: the hub runs."""

    async def _get(self, path: str) -> dict[str, Any]:
        status, _, reply = await self._ask("GET", path)
        if status != 200:
            raise self._error(status, None, reply.get("error", {}))
        return reply

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, float | None, dict[str, Any]]:
        """The status, the seconds to wait that the hub asks for, and the reply's object."""
        import aiohttp

        headers = {"content-type": "application/json"} if body else {}
        try:
            async with self._client.request(
                method, self.address + path, data=body, headers=headers, allow_redirects=False
            ) as response:
                reply = orjson.loads(await response.read())
                wait = retry_after(response.headers)
                status = response.status
        except (aiohttp.ClientError, OSError) as error:
            raise ConfigurationError(f"The hub at {self.address} does not answer ({error}).") from None
        except orjson.JSONDecodeError:
            reply = None
        if not isinstance(reply, dict):
            raise ConfigurationError(f"What answers at {self.address} is no LLM Hub.")
        return status, wait, reply

    def _attempts(self, reply: Mapping[str, Any]) -> tuple[Attempt, ...]:
        """The attempts of a reply, each with the hub's price, or this process' where the hub tells none."""
        return self.prices.priced(_attempt(**each) for each in reply.get("attempts", ()))

    def _error(self, status: int, wait: float | None, error: Mapping[str, Any]) -> ConfigurationError | ProviderError:
        """The error that the hub's reply tells of. Without an attempt it is the hub's own."""
        message, code = str(error.get("message", f"The hub answered with status {status}.")), error.get("code")
        attempts = self._attempts(error)
        if not attempts and status not in _OWN_FAILURES:
            return ConfigurationError(f"The hub refuses: {message}")
        kind = code if code == "route_failed" else attempts[-1].outcome if attempts else ""
        made = errors_by_kind().get(kind, _OWN_FAILURES.get(status, ProviderError))(message, retry_after=wait)
        made.hint = ""  # the message has it
        made.attempts = attempts
        return made


def _attempt(*, files: Iterable[str] = (), price: float | None = None, **fields: Any) -> Attempt:
    return Attempt(**fields, files=tuple(files), price=None if price is None else Decimal(str(price)))
