"""Ollama, over httpx on aiohttp's transport: NDJSON from /api/chat, the state of its models from /api/tags and /api/ps.

The transport costs a fifth of httpx's own for each token, and does not slow down when many chats stream at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from llm_hub.chat import ChatRequest, ModelInfo, Usage, Waiting
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
from llm_hub.provider import LLMProvider
from llm_hub.providers import ollama_body
from llm_hub.response_builder import ResponseBuilder, joined
from llm_hub.wire.decoders import LineDecoder, body, parse_object
from llm_hub.wire.http_errors import cause, failure, transport_failure
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS
from llm_hub.wire.think_tags import ThinkSplitter
from llm_hub.wire.transport import AS_IT_IS, Transport, no_cookies
from llm_hub.wire.validation import LIST_TIMEOUT, checked_url, count, listed, named

if TYPE_CHECKING:
    from llm_hub.chat import Event

BASE_URL = "http://127.0.0.1:11434"

_ODD = (AttributeError, KeyError, TypeError, RecursionError)
"""What reading JSON of another shape than the protocol's ends with."""
_FAILURES = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, ProviderError, *_ODD)


class _OllamaTransport(Transport, AiohttpTransport):
    streams = "/api/chat"


class OllamaProvider(LLMProvider):
    """The chat API of an Ollama server. Raises `ConfigurationError` for a URL that cannot be used.

    Without `default_model` the first model that the server lists is asked. `read_timeout` is the longest silence in
    seconds: loading a model from disk may take minutes before the first byte. An effort reaches the models that
    reason; for the others it is left out, and the answer says so.
    """

    supports = frozenset({"tools", "tool_choice", "format", "stop", "seed", "top_p", "effort"})

    def __init__(
        self,
        base_url: str = BASE_URL,
        *,
        name: str = "ollama",
        title: str = "Ollama",
        default_model: str = "",
        connect_timeout: float = 5.0,
        read_timeout: float = 300.0,
    ) -> None:
        self.name = name
        self.title = title
        self.default_model = default_model
        self.address = self._url = checked_url(base_url, f"{name}: base_url").removesuffix("/api").removesuffix("/v1")
        self._unthinking: set[str] = set()
        self._client = httpx.AsyncClient(
            base_url=self._url,
            timeout=httpx.Timeout(read_timeout, connect=connect_timeout),
            transport=_OllamaTransport(),
            headers=AS_IT_IS,
            cookies=no_cookies(),
            follow_redirects=False,
            trust_env=False,
        )

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        if not request.model and not self.default_model:
            self.default_model = await self._first_model()
        answer, decoder, splitter = ResponseBuilder(self, request), LineDecoder(), ThinkSplitter()
        if not await self._is_loaded(answer.model):
            yield Waiting(f"{self.title} is loading {answer.model}")
        response = await self._post(answer, request, self._body(request, answer.model))
        try:
            async with aclosing(body(response, lambda: answer.finish_reason is not None, answer.length)) as pieces:
                async for piece in pieces:
                    said = (
                        event
                        for line in decoder.feed(piece)
                        if line.strip() and answer.finish_reason is None
                        for event in self._read(answer, parse_object(line), splitter)
                    )
                    for event in joined(said):
                        yield event
        except _FAILURES as error:
            raise self._translate(error, answer.model, streaming=True) from cause(error)
        for thinking, text in splitter.flush():
            yield answer.reasoning(text) if thinking else answer.text(text)
        self._note_cut_prompt(request, answer)
        yield answer.done()

    async def models(self) -> tuple[ModelInfo, ...]:
        try:
            found = listed((await self._get("/api/tags")).get("models"), "name")
        except StreamBroken as error:
            raise self._translate(error, "") from None
        if not found:
            raise ModelNotFound(
                f"{self.title} runs but has no model.",
                provider=self.name,
                hint="Pull one: `ollama pull llama3.2`.",
            )
        return tuple(ModelInfo(model) for model, _ in found)

    async def aclose(self) -> None:
        await self._client.aclose()

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
            "messages": ollama_body.messages(request.messages),
            "stream": True,
            **ollama_body.options(request),
        }

    async def _post(self, answer: ResponseBuilder, request: ChatRequest, wanted: dict[str, Any]) -> httpx.Response:
        """The reply to a request. What a model cannot do is refused without a code: then it is asked what it can."""
        sent = wanted
        if answer.model in self._unthinking:
            sent = {name: value for name, value in wanted.items() if name != "think"}
        try:
            response = await self._send(answer.model, sent)
        except InvalidRequest:
            can = await self._capabilities(answer.model) if {"tools", "think"} & sent.keys() else None
            if can is not None and "tools" in sent and "tools" not in can:
                raise NotOffered(
                    f"{answer.model} does not take tools.", parameter="tools", provider=self.name, model=answer.model
                ) from None
            if can is None or "think" not in sent or "thinking" in can:
                raise
            if len(self._unthinking) >= MAX_LEARNED_MODELS:
                self._unthinking.pop()  # anybody may invent names of models
            self._unthinking.add(answer.model)
            return await self._post(answer, request, wanted)
        answer.ignored = ollama_body.left_out(request, sent)
        return response

    async def _send(self, model: str, wanted: dict[str, Any]) -> httpx.Response:
        try:
            response = await self._client.send(
                self._client.build_request("POST", "/api/chat", json=wanted), stream=True
            )
            if response.is_success:
                return response
            try:
                raise self._failure(response.status_code, await response.aread(), model, response.headers)
            finally:
                await response.aclose()
        except _FAILURES as error:
            raise self._translate(error, model) from cause(error)

    def _read(self, answer: ResponseBuilder, line: dict[str, Any], splitter: ThinkSplitter) -> list[Event]:
        """What one line of the stream says."""
        events: list[Event] = []
        if "error" in line:
            raise self._failure(None, line, answer.model)
        if (model := line.get("model")) != answer.model:
            answer.model = named(model) or answer.model
        message = line.get("message") or {}
        if isinstance(thought := message.get("thinking"), str) and thought:
            events.append(answer.reasoning(thought))
        if isinstance(text := message.get("content"), str) and text:
            for thinking, piece in splitter.feed(text):
                events.append(answer.reasoning(piece) if thinking else answer.text(piece))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = orjson.dumps(function.get("arguments") or {}).decode()
            events.append(answer.tool_call(None, id=call.get("id") or "", name=function["name"], arguments=arguments))
        if line.get("done") is True:
            reason = line.get("done_reason")
            if reason in ("load", "unload"):
                raise EmptyAnswer(f"{self.title} only {reason}ed {answer.model}, and answered nothing.")
            answer.finish_reason = named(reason) or "stop"
            answer.usage = _usage(line)
        return events

    def _translate(self, error: Exception, model: str, *, streaming: bool = False) -> ProviderError:
        """The one place where foreign errors become ours."""
        if isinstance(error, ProviderError):
            error.provider, error.model = self.name, model
            return error
        if isinstance(error, _ODD):
            return StreamBroken(f"{self.title} sent JSON of an unexpected shape.", provider=self.name, model=model)
        failed = transport_failure(error, provider=self.name, title=self.title, model=model, streaming=streaming)
        if isinstance(failed, ConnectionFailed):
            failed.hint = f"Start it with `ollama serve`, or set OLLAMA_BASE_URL: it is {self._url} now."
        return failed

    def _failure(
        self, status: int | None, reply: object, model: str, headers: httpx.Headers | None = None
    ) -> ProviderError:
        failed = failure(provider=self.name, title=self.title, model=model, status=status, body=reply, headers=headers)
        if isinstance(failed, ModelNotFound):
            failed.message = f"{self.title} runs but {model} is not pulled."
            failed.hint = f"Pull it: `ollama pull {model}`."
        elif isinstance(failed, ServerFailed) and status == 503:
            failed.message = f"{self.title} has too many requests waiting."
        return failed

    async def _capabilities(self, model: str) -> frozenset[str] | None:
        """What the model can do in Ollama's words; None where the server does not say."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                response = await self._client.post("/api/show", json={"model": model})
            can = parse_object(response.content).get("capabilities")
        except _FAILURES:
            return None
        return frozenset(item for item in can if isinstance(item, str)) if isinstance(can, list) else None

    async def _get(self, path: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                response = await self._client.get(path)
            if not response.is_success:
                raise self._failure(response.status_code, response.content, "", response.headers)
            return parse_object(response.content)
        except _FAILURES as error:
            raise self._translate(error, "") from cause(error)

    async def _first_model(self) -> str:
        return (await self.models())[0].id

    async def _is_loaded(self, model: str) -> bool:
        """Whether the model is in memory; True as well where the server does not say: it is only for a notice."""
        try:
            running = (await self._get("/api/ps")).get("models")
        except ProviderError:
            return True
        names = {item.get("name") for item in running or () if isinstance(item, dict)}
        return not isinstance(running, list) or bool({model, f"{model}:latest"} & names)

    def _note_cut_prompt(self, request: ChatRequest, answer: ResponseBuilder) -> None:
        """Ollama cuts a prompt that is longer than num_ctx without a word: far fewer tokens read than sent tell."""
        characters = sum(len(turn.text) for turn in request.messages)
        read = answer.usage.get("prompt_tokens")
        if read is not None and read > 256 and characters / 8 > read:
            note = (
                f"{self.title} read only {read} tokens of a prompt of some {characters // 4}: it cuts what is longer "
                "than its context. Raise OLLAMA_CONTEXT_LENGTH on the server."
            )
            answer.notes = (note,)


def _usage(line: dict[str, Any]) -> Usage:
    usage: Usage = {}
    prompt, completion = count(line.get("prompt_eval_count")), count(line.get("eval_count"))
    if prompt is not None:
        usage["prompt_tokens"] = prompt
    if completion is not None:
        usage["completion_tokens"] = completion
    if prompt is not None and completion is not None:
        usage["total_tokens"] = prompt + completion
    return usage
