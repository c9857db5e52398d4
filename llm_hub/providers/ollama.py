"""Ollama, over httpx on aiohttp's transport: NDJSON from /api/chat, the state of its models from /api/tags and /api/ps.

The transport costs a fifth of httpx's own for each token, and does not slow down when many chats stream at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
from httpx_aiohttp import transport as adapter

from llm_hub.chat import ChatRequest, ModelInfo, ToolCallDelta, Usage, Waiting
from llm_hub.chat.exact_json import dump_exactly
from llm_hub.errors import (
    ConnectionFailed,
    EmptyAnswer,
    InvalidRequest,
    ModelNotFound,
    NotOffered,
    ProviderError,
    ServerFailed,
    StreamBroken,
)
from llm_hub.providers import ollama_body
from llm_hub.providers.http_provider import HttpProvider
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.providers.vendor_server import LIST_TIMEOUT
from llm_hub.wire.decoders import parse_object
from llm_hub.wire.http_reply import HttpReply
from llm_hub.wire.json_objects import ObjectDecoder
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS
from llm_hub.wire.network import DIRECT, Network
from llm_hub.wire.transport import Transport, client_options
from llm_hub.wire.validation import checked_url, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import Event, ToolCall

BASE_URL = "http://127.0.0.1:11434"
_KNOWN_FIELDS = frozenset({"role", "content", "thinking", "tool_calls", "tool_name"})
"""The fields of a message for which the hub has words, and those that say nothing of the answer."""
MAX_NOTES = 10
"""Fields that are named. A server that sends more of them is none of Ollama's."""


class _OllamaTransport(Transport, adapter.AiohttpTransport):
    adapter: ClassVar = adapter
    streaming_path = "/api/chat"


class _OllamaResponseBuilder(StreamedResponseBuilder):
    __slots__ = ()

    def state_of(self, call: ToolCall, place: int) -> Mapping[str, Any]:  # noqa: ARG002  # the first call has all of it
        """The reasoning that led to the calls, which models such as gpt-oss go on with."""
        return {"thinking": "".join(self._reasoning)} if self._reasoning and place == 0 else {}


class OllamaProvider(HttpProvider):
    """The chat API of an Ollama server. Raises `ConfigurationError` for a URL that cannot be used.

    Without `default_model` the first model that the server lists is asked. `read_timeout` is the longest silence in
    seconds: loading a model from disk may take minutes before the first byte. An effort reaches the models that
    reason. For the others it is left out, and the response says so.
    """

    supports = frozenset({"tools", "tool_choice", "format", "stop", "seed", "top_p", "effort"})
    exceptions = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
    decoder = ObjectDecoder
    builder = _OllamaResponseBuilder
    embeddings_path = "/v1/embeddings"

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        name: str = "ollama",
        title: str = "Ollama",
        default_model: str = "",
        connect_timeout: float = 5.0,
        read_timeout: float = 300.0,
        network: Network = DIRECT,
    ) -> None:
        address = checked_url(base_url, f"{name}: base_url").removesuffix("/api").removesuffix("/v1")
        super().__init__(name=name, title=title, default_model=default_model, address=address)
        self._without_thinking: set[str] = set()
        """The models that refused an effort, since they do not reason."""
        self._without_levels: set[str] = set()
        """The models that refused an effort by name, since they only reason or do not."""
        timeout = httpx.Timeout(read_timeout, connect=connect_timeout)
        self._client = httpx.AsyncClient(
            base_url=address, transport=_OllamaTransport(network, address), **client_options(timeout)
        )

    async def models(self) -> tuple[ModelInfo, ...]:
        rows = await self._fetch_models("/api/tags", rows="models", name="name")
        if not rows:
            raise ModelNotFound(
                f"{self.title} runs but has no model.",
                provider=self.name,
                hint="Pull one: `ollama pull llama3.2`.",
            )
        return tuple(ModelInfo(model) for model, _ in rows)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _loading_notice(self, model: str) -> Waiting | None:
        try:
            loaded = (await self._fetch("/api/ps")).get("models")
        except ProviderError:
            return None
        if not isinstance(loaded, list):
            return None
        names = {row.get("name") for row in loaded if isinstance(row, dict)}
        return None if {model, f"{model}:latest"} & names else Waiting(f"{self.title} is loading {model}")

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        if request.tools and request.tool_choice not in (None, "auto", "none"):
            raise NotOffered(
                f"{self.title} cannot be made to call a tool.",
                parameter="tool_choice",
                provider=self.name,
                model=model,
                hint="Let the model choose, or choose another provider.",
            )
        return {
            "model": model,
            "messages": ollama_body.messages(request.messages, self.name),
            "stream": True,
            **ollama_body.options(request),
        }

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        if model in self._without_thinking:
            return ollama_body.without_thinking(body)
        return ollama_body.without_level(body) if model in self._without_levels else body

    async def _send(self, body: dict[str, Any], request: ChatRequest) -> HttpReply:  # noqa: ARG002
        return await self._client.send(self._client.build_request("POST", "/api/chat", json=body), stream=True)

    async def _revise(
        self, model: str, body: dict[str, Any], sent: dict[str, Any], refusal: ProviderError
    ) -> dict[str, Any]:
        """No code tells what a model refused: the server is asked what the model can do.

        A level of reasoning that the model does not know is refused in words alone: "think value "high" is not
        supported for this model" (musistudio/claude-code-router#1093).
        """
        if not isinstance(refusal, InvalidRequest) or not {"tools", "think"} & sent.keys():
            raise refusal
        capabilities = await self._fetch_capabilities(model)
        if capabilities is not None and "tools" in sent and "tools" not in capabilities:
            raise NotOffered(f"{model} does not take tools.", parameter="tools", provider=self.name, model=model)
        if isinstance(sent.get("think"), str) and "think value" in refusal.detail:
            _remember(self._without_levels, model)
            return ollama_body.without_level(body)
        if capabilities is None or "think" not in sent or "thinking" in capabilities:
            raise refusal
        _remember(self._without_thinking, model)
        return ollama_body.without_thinking(body)

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:  # noqa: ARG002
        builder.ignored = ollama_body.left_out(builder.request, sent)

    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event | None]:
        for chunk in chunks:
            message = chunk.get("message")
            if "error" in chunk or not isinstance(message, dict):
                if message or "error" in chunk or "detail" in chunk:
                    raise self._error_from_reply(None, chunk, builder.model)
                message = {}
            if (model := chunk.get("model")) != builder.model:
                builder.model = parse_name(model) or builder.model
            if isinstance(thought := message.get("thinking"), str) and thought:
                yield builder.add_reasoning(thought)
            if isinstance(text := message.get("content"), str) and text:
                yield from builder.add_tagged_text(text)
            for call in message.get("tool_calls") or ():
                yield _read_tool_call(builder, call)
            if not _KNOWN_FIELDS.issuperset(message):
                _note_others(builder, message)
            if chunk.get("done") is True:
                reason = chunk.get("done_reason")
                if reason == "error":
                    raise StreamBroken(f"{self.title} broke its answer off with an error.")
                if reason in ("load", "unload") and not builder.count_characters():
                    raise EmptyAnswer(f"{self.title} only {reason}ed {builder.model}, and answered nothing.")
                builder.finish_reason = parse_name(reason) or "stop"
                builder.usage = _read_usage(chunk)
                builder.ended = True
                return

    def _finish(self, builder: StreamedResponseBuilder) -> None:
        """Ollama cuts a prompt that is longer than its context without a word: far too few tokens read tell."""
        characters = sum(len(turn.text) for turn in builder.request.messages)
        tokens = builder.usage.get("prompt_tokens")
        if tokens is not None and tokens > 256 and characters / 8 > tokens:
            note = (
                f"{self.title} read only {tokens} tokens of a prompt of some {characters // 4}: it cuts what is longer "
                "than its context. Raise OLLAMA_CONTEXT_LENGTH on the server."
            )
            builder.notes = (*builder.notes, note)

    async def _post_embeddings(self, content: bytes, request: ChatRequest) -> HttpReply:  # noqa: ARG002  # no header of a client's goes on
        headers = {"content-type": "application/json"}
        return await self._client.post(self.embeddings_path, content=content, headers=headers)

    async def _get(self, path: str) -> HttpReply:
        return await self._client.get(path)

    async def _fetch_capabilities(self, model: str) -> frozenset[str] | None:
        """What the model can do in Ollama's words; None where the server does not say."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                reply = await self._client.post("/api/show", json={"model": model})
            capabilities = parse_object(reply.content).get("capabilities")
        except self._translated:
            return None
        if not isinstance(capabilities, list):
            return None
        return frozenset(capability for capability in capabilities if isinstance(capability, str))

    def _translate(self, error: Exception, model: str, *, streaming: bool = False) -> ProviderError:
        translated = super()._translate(error, model, streaming=streaming)
        if isinstance(translated, ConnectionFailed):
            translated.hint = f"Start it with `ollama serve`, or set OLLAMA_BASE_URL: it is {self.address} now."
        return translated

    def _error_from_reply(
        self,
        status: int | None,
        body: object,
        model: str,
        headers: Mapping[str, str] | None = None,
        sent: frozenset[str] = frozenset(),
    ) -> ProviderError:
        error = super()._error_from_reply(status, body, model, headers, sent)
        if isinstance(error, ModelNotFound):
            error.message = f"{self.title} runs but {model} is not pulled."
            error.hint = f"Pull it: `ollama pull {model}`."
        elif isinstance(error, ServerFailed) and status == 503:
            error.message = f"{self.title} has too many requests waiting."
        return error


def _remember(models: set[str], model: str) -> None:
    if len(models) >= MAX_LEARNED_MODELS:
        models.pop()
    models.add(model)


def _read_tool_call(builder: StreamedResponseBuilder, call: dict[str, Any]) -> ToolCallDelta | None:
    """A call, which always comes whole: several servers give all of them one index, which is not read."""
    function = call.get("function") or call
    arguments = function.get("arguments") or function.get("parameters") or {}
    return builder.add_tool_call(
        None,
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=arguments if isinstance(arguments, str) else dump_exactly(arguments).decode(),
    )


def _note_others(builder: StreamedResponseBuilder, message: Mapping[str, Any]) -> None:
    """Names the fields of an answer for which the hub has no word, such as `images`."""
    for name in sorted(name for name, value in message.items() if value and name not in _KNOWN_FIELDS):
        note = f"The answer has {parse_name(name)}, which the hub cannot read from {builder.title}."
        if note not in builder.notes and len(builder.notes) < MAX_NOTES:
            builder.notes = (*builder.notes, note)


def _read_usage(chunk: dict[str, Any]) -> Usage:
    """The tokens in the hub's words. A prompt or an answer of no tokens does not exist: 0 stands for "not counted"."""
    usage: Usage = {}
    prompt, completion = parse_count(chunk.get("prompt_eval_count")), parse_count(chunk.get("eval_count"))
    if prompt:
        usage["prompt_tokens"] = prompt
    if completion:
        usage["completion_tokens"] = completion
    if prompt and completion:
        usage["total_tokens"] = prompt + completion
    return usage
