"""A vendor's server, apart from the answers that it writes: its list of models, and its failures as our errors."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from llm_hub.errors import ModelNotFound, ProviderError, StreamBroken
from llm_hub.provider import LLMProvider
from llm_hub.wire.connection_errors import error_from_exception, safe_cause
from llm_hub.wire.decoders import parse_object
from llm_hub.wire.error_body import is_error_document, original_error
from llm_hub.wire.http_errors import error_from_reply
from llm_hub.wire.model_list import parse_model_list
from llm_hub.wire.public_hosts import is_private

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from llm_hub.chat import ChatRequest, Event
    from llm_hub.provider import FirstSilence
    from llm_hub.wire.http_reply import HttpReply

LIST_TIMEOUT = 10.0
"""Seconds for a list of models: the page shows its suggestions meanwhile."""

T = TypeVar("T")

_UNEXPECTED_SHAPE = (AttributeError, KeyError, TypeError, RecursionError)
"""What reading JSON of another shape than the protocol's raises."""


class VendorServer(LLMProvider):
    """A provider at an address: see `HttpProvider` in http_provider.py for what an adapter writes."""

    exceptions: ClassVar[tuple[type[Exception], ...]]
    """What the client raises where a request or a reply fails: its base classes are enough."""
    base_path: ClassVar[str] = ""
    """What base URLs usually end with, and what is missing where nothing answers; "": nothing."""
    listed: frozenset[str] = frozenset()
    """The names in its last list of models, those that do not chat among them."""

    def __init__(self, *, name: str, title: str, default_model: str, address: str, key: str = "") -> None:
        self.name = name
        self.title = title
        self.default_model = default_model
        self._configured_model = default_model
        self._lacks_default = not default_model
        """Whether the server has to say its default model: none is configured, or the one that it listed is gone."""
        self.address = address
        self.is_private = is_private(address)
        """Whether the server stands on one's own network. It is looked up once: every request needs it."""
        self._key = key
        self._translated: tuple[type[Exception], ...] = (*self.exceptions, OSError, ProviderError, *_UNEXPECTED_SHAPE)

    @abstractmethod
    def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        """The answer: `HttpProvider` has the loop that reads it."""

    def first_silence(self, model: str) -> FirstSilence:
        """A server on one's own network reads a long prompt without any sign; others send at least a header soon."""
        if self.is_private:
            return "thinking"
        return "reasoning" if self.reasons(model) else "first_token"

    async def _prepare_model(self, request: ChatRequest) -> None:
        """Takes the first model that the server lists for the default, where a request needs one."""
        if request.model or not self._lacks_default:
            return
        models = await self.models()
        if not models:
            raise ModelNotFound(f"{self.title} lists no model.", provider=self.name)
        self.default_model, self._lacks_default = models[0].id, False

    async def _get(self, path: str) -> HttpReply:
        """The reply to a GET, read to its end, whatever its status is. A second protocol of a vendor's needs none: the
        first one's adapter lists the models."""
        raise NotImplementedError

    async def _fetch(self, path: str) -> dict[str, Any]:
        """The JSON object at a path. Raises `ProviderError`."""
        return await self._fetch_parsed(path, parse_object)

    async def _fetch_models(self, path: str, *, rows: str, name: str) -> list[tuple[str, dict[str, Any]]]:
        """The models listed at a path, with their rows: `rows` and `name` are the usual fields of list and name."""
        models = await self._fetch_parsed(path, partial(parse_model_list, rows=rows, name=name))
        self.listed = frozenset(model for model, _ in models)
        return models

    async def _fetch_parsed(self, path: str, parse: Callable[[bytes], T]) -> T:
        """What `parse` makes of the reply to a GET. Raises `ProviderError`."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                reply = await self._get(path)
            if reply.is_success:
                if is_error_document(reply.content):
                    raise self._error_from_reply(None, reply.content, "", reply.headers)
                return parse(reply.content)
        except self._translated as error:
            raise self._translate(error, "") from safe_cause(error)
        raise self._error_from_reply(reply.status_code, reply.content, "", reply.headers)

    def _translate(self, error: Exception, model: str, *, streaming: bool = False) -> ProviderError:
        """The one place where foreign exceptions become our errors. `streaming`: the reply had begun."""
        if isinstance(error, ProviderError):
            error.provider, error.model = self.name, model
            return error
        if isinstance(error, _UNEXPECTED_SHAPE):
            return StreamBroken(f"{self.title} sent JSON of an unexpected shape.", provider=self.name, model=model)
        return error_from_exception(error, provider=self.name, title=self.title, model=model, streaming=streaming)

    def _error_from_reply(
        self,
        status: int | None,
        body: object,
        model: str,
        headers: Mapping[str, str] | None = None,
        sent: frozenset[str] = frozenset(),
    ) -> ProviderError:
        """The error that a failed reply stands for, or with the status None an error inside a stream."""
        error = error_from_reply(
            provider=self.name,
            title=self.title,
            model=model,
            status=status,
            body=body,
            headers=headers,
            secrets=(self._key,),
            sent=sent,
            path=urlsplit(self.address).path,
            address_hint=self._address_hint(),
        )
        error.original = original_error(self.protocol, status, body, self._key)
        return error

    def _address_hint(self) -> str:
        """What to try where nothing of an API is at the base URL."""
        if self.base_path and not urlsplit(self.address).path.endswith(self.base_path):
            return f"Try the base URL with {self.base_path} at its end."
        return "Check the base URL."
