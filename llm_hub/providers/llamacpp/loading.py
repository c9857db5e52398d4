"""How the engine of an embedded model finds its file, and loads it.

`free_others` is called in the engine's thread before anything is loaded: it frees the model that was in memory before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError, NotConfigured
from llm_hub.providers.llamacpp import gguf
from llm_hub.providers.llamacpp.download import MEGABYTE, download
from llm_hub.providers.llamacpp.engine import Engine
from llm_hub.providers.llamacpp.offered_models import CONTEXT_TOKENS, PARALLEL_CHATS, OfferedModel

if TYPE_CHECKING:
    from llm_hub.providers.llamacpp.downloads import Downloads
    from llm_hub.providers.llamacpp.model_file import ModelFile
    from llm_hub.wire.network import Network

BATCH_TOKENS = 32
"""Tokens of a prompt that are read at once. Reading can be cancelled between two batches only."""


def default_engine(
    file: ModelFile,
    *,
    directory: Path | None,
    endpoint: str | None,
    token: str | None,
    network: Network,
    threads: int,
    parallel: int,
    context: int,
    free_others: Callable[[], None],
) -> Engine:
    """The engine of the default model, whose file is downloaded by the first chat if it is not here."""

    def find(report: Callable[[str], None], is_wanted: Callable[[], bool]) -> Path:
        def report_in_words(received: int, size: int) -> None:
            report(f"Downloading {file.title} … {received // MEGABYTE} of {size // MEGABYTE} MB")

        free_others()
        return file.path or download(
            file,
            directory=directory,
            endpoint=endpoint,
            token=token,
            report=report_in_words,
            is_wanted=is_wanted,
            network=network,
        )

    def load(path: Path) -> Any:
        return _load_server(path, threads=threads, parallel=parallel, context=context)

    return Engine(find, load, f"Loading {file.title} …", parallel=parallel)


def offered_engine(
    downloads: Downloads, model: OfferedModel, *, threads: int, free_others: Callable[[], None]
) -> Engine:
    """The engine of a model that was downloaded. It answers at once, without thinking first."""

    def find(_report: object, _is_wanted: object) -> Path:
        free_others()
        if (path := downloads.path(model)) is None:
            raise downloads.refusal(model)
        downloads.check_memory(model)
        return path

    def load(path: Path) -> Any:
        try:
            return _load_server(
                path, threads=threads, parallel=PARALLEL_CHATS, context=CONTEXT_TOKENS,
                template={"enable_thinking": "false"},
            )  # fmt: skip
        except ConfigurationError as error:
            if downloads.discard_damaged(model):
                raise NotConfigured(
                    f"The file of {model.id} was damaged, and is deleted.", hint="Download it once more."
                ) from error
            raise

    return Engine(find, load, f"Loading {model.id} …", parallel=PARALLEL_CHATS)


def _load_server(
    path: Path, *, threads: int, parallel: int, context: int, template: dict[str, str] | None = None
) -> Any:
    """llama.cpp's server with the model in memory. Blocks. Raises `ConfigurationError`.

    `template` are values for the model's chat template.
    """
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
    params.default_template_kwargs = template or {}  # for the chat template, which stands in the model's file
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
