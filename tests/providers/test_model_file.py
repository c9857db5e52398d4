"""Which file is the embedded model, and which files are refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llm_hub.errors import ConfigurationError
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
from llm_hub.providers.llamacpp.model_file import DEFAULT_DOWNLOAD, ModelFile, find_model_file
from tests.providers.embedded import MODEL


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no model file"),
        (b"", "is not a GGUF file"),
        (b"PK\3\4 a zip", "is not a GGUF file"),
        (b"GGUF", "is a damaged GGUF file"),
        (b"GGUF" + (99).to_bytes(4, "little") + bytes(64), "or one of an unknown version"),
        (b"GGUF" + (3).to_bytes(4, "little") + b"\xff" * 64, "is a damaged GGUF file"),
    ],
)
def test_a_file_that_is_no_model_is_refused_when_the_provider_is_built(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"{words}(.|\n)*LLM_HUB_LOCAL_MODEL"):
        LlamaCppProvider(str(path))


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is a directory.*LLM_HUB_LOCAL_MODEL"):
        LlamaCppProvider(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"),
        ("smollm2-360m-instruct-q8_0.gguf", "smollm2-360m-instruct"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "Qwen3-8B"),
        ("gemma-3-1b-it-BF16.gguf", "gemma-3-1b-it"),
        ("gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b"),
        ("model.gguf", "model"),
    ],
)
def test_a_model_is_called_as_its_file_without_the_quantization(file: str, title: str) -> None:
    assert ModelFile(file).title == title


def test_where_no_model_is_packaged_the_same_one_is_downloaded() -> None:
    source = find_model_file(DEFAULT_DOWNLOAD)
    assert (source.path, source.repo, source.title) == (None, "bartowski/SmolLM2-135M-Instruct-GGUF", MODEL)


def test_a_repository_path_cannot_leave_its_directory() -> None:
    with pytest.raises(ConfigurationError):
        find_model_file("org/repo:../../model.gguf")


def test_the_packaged_model_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from llm_hub.providers.llamacpp.model_file import PACKAGE, find_model_file;"
        "assert find_model_file(None).path and PACKAGE not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
