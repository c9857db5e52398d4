"""The embedded model: llama.cpp in this process, for chats without a key and without a network."""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.chat import ChatRequest, FilesSent, ModelInfo, Usage, Waiting
from llm_hub.documents.sending import prepare
from llm_hub.errors import ConfigurationError, InvalidRequest, ModelNotFound, PromptTooLong, ProviderError
from llm_hub.provider import LLMProvider
from llm_hub.providers import openai_body
from llm_hub.providers.llamacpp import gguf
from llm_hub.providers.llamacpp.download import download
from llm_hub.providers.llamacpp.engine import Engine
from llm_hub.providers.llamacpp.model_file import find_model_file
from llm_hub.response_builder import ResponseBuilder
from llm_hub.wire.http_errors import error_from_reply
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    from llm_hub.chat import Event
    from llm_hub.provider import FirstSilence

MAX_PARALLEL_CHATS = 4
"""Chats that the embedded model serves at once, since they share the processor. Others wait, and are told so."""
DEFAULT_MAX_TOKENS = 2048
"""Tokens of an answer where the request sets no limit: a small model may write on to the end of its context."""
BATCH_TOKENS = 32
"""Tokens of a prompt that are read at once. Reading can be cancelled between two batches only."""
SEEDS = 2**32 - 1
"""Seeds that there are, from 0: this number itself means "any"."""
MIN_PROGRESS_TOKENS = 256
"""Tokens of a prompt still to be read, which take a second or more. With fewer no progress is reported."""


class LlamaCppProvider(LLMProvider):
    """One GGUF model, loaded when it is first used. Raises `ConfigurationError` for a file that cannot be used.

    `model` is a path, or org/repo:file.gguf on Hugging Face, or None for the packaged one. Where none is packaged, a
    small one is downloaded by the first chat. `parallel` chats run at once, each with `context` tokens or as many as
    the model was trained for: memory grows with both. `directory`, `endpoint`, `token` and `network` are for the
    download. While llama.cpp loads it holds Python's lock, so that every event loop stands still for about a second,
    once.

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
    ) -> None:
        file = find_model_file(model)
        self.name = name
        self.title = title
        self.default_model = file.title
        self._context = context
        self._path = file.path
        self._slots = asyncio.Semaphore(parallel)
        threads = threads or max(1, _cores() // 2)

        def fetch(report: Callable[[str], None], is_wanted: Callable[[], bool]) -> Path:
            return file.path or download(
                file,
                directory=directory,
                endpoint=endpoint,
                token=token,
                report=report,
                is_wanted=is_wanted,
                network=network,
            )

        def build(path: Path) -> Any:
            return _load_server(path, threads=threads, parallel=parallel, context=context)

        self._engine = Engine(fetch, build, f"Loading {file.title} …")
        weakref.finalize(self, self._engine.stop)  # runs when the interpreter exits, too

    def first_silence(self, model: str) -> FirstSilence:  # noqa: ARG002  # there is one model
        """A long prompt is read without any sign."""
        return "thinking"

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        answer = ResponseBuilder(self, request)
        request, files = await prepare(request, takes_pdf=False)
        if files:
            yield FilesSent(files)
        body = self._body(request, answer.model)
        try:
            async with aclosing(self._engine.ready()) as reasons:
                async for reason in reasons:
                    yield Waiting(reason)
        except Exception as error:
            raise self._translate(error, answer.model) from error
        if self._slots.locked():
            yield Waiting("Waiting for a free slot …")
        async with self._slots, self._engine.chat(body) as chunks:
            async for chunk in chunks:
                for event in self._read(answer, chunk):
                    yield event
        yield answer.finish()

    async def models(self) -> tuple[ModelInfo, ...]:
        """The one model. Its context is known only where the file is on this machine already."""
        context = min(gguf.context_length(self._path) or self._context, self._context) if self._path else None
        return (ModelInfo(self.default_model, context=context),)

    async def aclose(self) -> None:
        """Ends every chat and frees the memory."""
        await asyncio.to_thread(self._engine.stop)

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        if model != self.default_model:
            raise ModelNotFound(
                f"{self.title} has one model, {self.default_model}, and not {model}.",
                hint=f"Choose {self.default_model}, or set {gguf.SETTING}.",
                provider=self.name,
                model=model,
            )
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


def _load_server(path: Path, *, threads: int, parallel: int, context: int) -> Any:
    """llama.cpp's server with the model in memory. Blocks. Raises `ConfigurationError`."""
    try:
        import xllamacpp
    except ImportError as error:
        raise ConfigurationError("llama.cpp is not installed.", hint="Install it: `pip install xllamacpp`.") from error
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_parallel = parallel
    params.n_ctx = parallel * min(context, gguf.context_length(path) or context)  # which llama.cpp shares out
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0  # otherwise it keeps up to 8 GiB of old prompts
    params.fit_params = False  # otherwise it loads everything twice, to see what fits
    params.warmup = False
    params.verbosity = -1
    # It cannot be kept from listening on a port of the loopback interface as well: a key that nobody knows closes that.
    params.api_keys = [secrets.token_hex()]
    params.ui = params.endpoint_slots = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        raise ConfigurationError(
            f"llama.cpp cannot load {path.name}.",
            hint=f"It may be damaged, too new, or too large for this memory: set {gguf.SETTING} to another file.",
        ) from error


def _cores() -> int:
    """The processors that this process may use. A container's limit (cgroup v2) does not show in their number."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    return cores
