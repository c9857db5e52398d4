"""The embedded model: llama.cpp in this process, for chats without a key and without a network."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.chat import ChatRequest, FilesSent, ModelInfo, Usage, Waiting
from llm_hub.documents.sending import prepare
from llm_hub.errors import ConfigurationError, InvalidRequest, ModelNotFound, PromptTooLong, ProviderError
from llm_hub.provider import LLMProvider
from llm_hub.providers import openai_body
from llm_hub.providers.llamacpp import gguf
from llm_hub.providers.llamacpp.loading import default_engine, offered_engine
from llm_hub.providers.llamacpp.machine import cores
from llm_hub.providers.llamacpp.model_file import find_model_file
from llm_hub.providers.llamacpp.model_memory import ModelMemory
from llm_hub.providers.llamacpp.offered_models import CONTEXT_TOKENS
from llm_hub.response_builder import ResponseBuilder
from llm_hub.wire.http_errors import error_from_reply
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    from llm_hub.chat import Event
    from llm_hub.provider import FirstSilence
    from llm_hub.providers.llamacpp.downloads import Downloads
    from llm_hub.providers.llamacpp.engine import Engine
    from llm_hub.providers.llamacpp.offered_models import OfferedModel

MAX_PARALLEL_CHATS = 4
"""Chats that the embedded model serves at once, since they share the processor. Others wait, and are told so."""
DEFAULT_MAX_TOKENS = 2048
"""Tokens of an answer where the request sets no limit: a small model may write on to the end of its context."""
SEEDS = 2**32 - 1
"""Seeds that there are, from 0: this number itself means "any"."""
MIN_PROGRESS_TOKENS = 256
"""Tokens of a prompt still to be read, which take a second or more. With fewer no progress is reported."""


class LlamaCppProvider(LLMProvider):
    """GGUF models, each loaded when it is first used. Raises `ConfigurationError` for a file that cannot be used.

    `model` is the default one: a path, or org/repo:file.gguf on Hugging Face, or None for the packaged one. Where none
    is packaged, a small one is downloaded by the first chat. `parallel` chats run at once, each with `context` tokens
    or as many as the model was trained for: memory grows with both. `directory`, `endpoint`, `token` and `network` are
    for the download. Of `downloads`, those models can be asked that are on this machine; no chat begins a download of
    them. One model is in memory at a time. While llama.cpp loads it holds Python's lock, so that every event loop
    stands still: for about a second with the packaged model, for two or three with one of a gigabyte.

    An answer follows its schema by grammar. Tools are not supported: where the model's template knows none, as the
    packaged one's, llama.cpp drops them silently.
    """

    supports = frozenset({"format", "stop", "seed", "top_p"})

    def __init__(
        self,
        model: str | None = None,
        *,
        name: str = "local",
        title: str = "Embedded",
        threads: int | None = None,
        parallel: int = MAX_PARALLEL_CHATS,
        context: int = 4096,
        directory: Path | None = None,
        endpoint: str | None = None,
        token: str | None = None,
        network: Network = DIRECT,
        downloads: Downloads | None = None,
    ) -> None:
        file = find_model_file(model)
        self.name = name
        self.title = title
        self.default_model = file.title
        self._context = context
        self._path = file.path
        self._downloads = downloads
        threads = threads or max(1, cores() // 2)

        def build(name: str, free_others: Callable[[], None]) -> Engine:
            offered = downloads.find(name) if downloads and name != file.title else None
            if downloads is not None and offered is not None:
                return offered_engine(downloads, offered, threads=threads, free_others=free_others)
            return default_engine(
                file,
                directory=directory,
                endpoint=endpoint,
                token=token,
                network=network,
                threads=threads,
                parallel=parallel,
                context=context,
                free_others=free_others,
            )

        self._memory = ModelMemory(build)
        weakref.finalize(self, self._memory.stop)  # runs when the interpreter exits, too

    def first_silence(self, model: str) -> FirstSilence:  # noqa: ARG002  # there is one model
        """A long prompt is read without any sign."""
        return "thinking"

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        answer = ResponseBuilder(self, request)
        request, files = await prepare(request, takes_pdf=False)
        if files:
            yield FilesSent(files)
        body = self._body(request, answer.model)
        async with self._memory.seat(answer.model) as seat:
            try:
                async with aclosing(seat.ready()) as reasons:
                    async for reason in reasons:
                        yield Waiting(reason)
            except Exception as error:
                raise self._translate(error, answer.model) from error
            if seat.engine.slots.locked():
                yield Waiting("Waiting for a free slot …")
            async with seat.engine.slots, seat.engine.chat(body) as chunks:
                async for chunk in chunks:
                    for event in self._read(answer, chunk):
                        yield event
        yield answer.finish()

    async def models(self) -> tuple[ModelInfo, ...]:
        """The default one, and those that were downloaded. Its context is known where the file is on this machine."""
        context = min(gguf.context_length(self._path) or self._context, self._context) if self._path else None
        return (
            ModelInfo(self.default_model, context=context),
            *(ModelInfo(model.id, context=CONTEXT_TOKENS) for model in self._offered() if self._is_here(model)),
        )

    async def aclose(self) -> None:
        """Ends every chat and frees the memory."""
        await asyncio.to_thread(self._memory.stop)

    def _offered(self) -> tuple[OfferedModel, ...]:
        return self._downloads.models if self._downloads else ()

    def _is_here(self, model: OfferedModel) -> bool:
        return self._downloads is not None and self._downloads.path(model) is not None

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        self._check_model(model)
        if any(message.images for message in request.messages):
            raise InvalidRequest(f"{model} reads text only.", provider=self.name, model=model)
        if request.max_tokens is not None and request.max_tokens < 1:
            raise InvalidRequest(
                "An answer needs room for one token at least.",
                hint="Raise max_tokens.",
                provider=self.name,
                model=model,
            )
        body: dict[str, Any] = {
            "messages": openai_body.messages(request.messages),
            "max_tokens": min(request.max_tokens or DEFAULT_MAX_TOKENS, self._context),
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # only with these chunks can a chat be stopped while its prompt is read
            **openai_body.options(request),
        }
        if request.seed is not None:
            body["seed"] = request.seed % SEEDS
        return body

    def _check_model(self, model: str) -> None:
        """Raises `ProviderError` for a model that cannot be asked."""
        if model == self.default_model:
            return
        offered = self._downloads.find(model) if self._downloads else None
        if self._downloads is None or offered is None:
            raise ModelNotFound(
                f"{self.title} has one model, {self.default_model}, and not {model}.",
                hint=f"Choose {self.default_model}, or set {gguf.SETTING}.",
                provider=self.name,
                model=model,
            )
        if not self._is_here(offered):
            refusal = self._downloads.refusal(offered)
            refusal.provider, refusal.model = self.name, model
            raise refusal

    def _read(self, answer: ResponseBuilder, chunk: dict[str, Any]) -> list[Event]:
        """The events of one chunk. Raises `ProviderError` for an error among the chunks."""
        if "error" in chunk:
            raise self._translate(chunk, answer.model)
        events: list[Event] = []
        if (progress := chunk.get("prompt_progress")) and progress["total"] - progress[
            "processed"
        ] > MIN_PROGRESS_TOKENS:
            events.append(Waiting(f"Reading the prompt … {100 * progress['processed'] // progress['total']} %"))
        for choice in chunk.get("choices", ()):
            if reasoning := choice["delta"].get("reasoning_content"):
                events.append(answer.add_reasoning(reasoning))
            if text := choice["delta"].get("content"):
                events.append(answer.add_text(text))
            answer.finish_reason = choice["finish_reason"] or answer.finish_reason
        if usage := chunk.get("usage"):
            answer.usage = Usage(
                prompt_tokens=usage["prompt_tokens"],
                completion_tokens=usage["completion_tokens"],
                total_tokens=usage["total_tokens"],
                cached_tokens=usage["prompt_tokens_details"]["cached_tokens"],
            )
        return events

    def _translate(self, cause: Exception | dict[str, Any], model: str) -> ProviderError:
        """The one place where foreign errors become ours: those of loading the model, and llama.cpp's error chunks."""
        if isinstance(cause, ConfigurationError):
            return ModelNotFound(cause.message, provider=self.name, model=model, hint=cause.hint)
        if isinstance(cause, ProviderError):
            cause.provider, cause.model = self.name, model
            return cause
        error: dict[str, Any] = cause["error"] if isinstance(cause, dict) else {"message": str(cause)}
        translated = error_from_reply(
            provider=self.name, title=self.title, model=model, status=error.get("code"), body={"error": error}
        )
        if isinstance(translated, PromptTooLong) and "n_ctx" in error:
            prompt_tokens, context = error["n_prompt_tokens"], error["n_ctx"]
            translated.message = f"The conversation has {prompt_tokens} tokens, and {model} has room for {context}."
        return translated
