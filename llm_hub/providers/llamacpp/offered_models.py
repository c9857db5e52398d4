"""The models that are offered for download beside the packaged one, which is too small to be talked to.

Each is one file of the Hub at one revision, with its size and its SHA-256, so that what runs is what was chosen here.
Sizes, revisions, hashes and licences are as the Hub's API reported them to several public projects that pin the same
files (compared in November 2026). All of them run in the llama.cpp of xllamacpp 2026.10 (`qwen3`, `qwen35`, `smollm3`).
"""

from __future__ import annotations

from dataclasses import dataclass

from llm_hub.providers.llamacpp.model_file import ModelFile

CONTEXT_TOKENS = 4096
"""Tokens of context that each chat with an offered model has."""
PARALLEL_CHATS = 2
"""Chats that an offered model serves at once: each takes memory, also while it is not used."""
_WORKING_MEMORY = 200_000_000
"""Bytes that llama.cpp takes beside the file and the context. A bound: with the packaged model it takes 30 MB."""


@dataclass(frozen=True, slots=True)
class OfferedModel:
    """A model that can be downloaded. `id` is its name, `context_bytes` the memory that a token of context takes.

    Its `memory` in bytes is what it takes while it answers. The system may show more, since most of the file is copied
    for faster reading: the copied part of the file itself can be given up.
    """

    id: str
    maker: str
    licence: str
    file: ModelFile
    context_bytes: int

    @property
    def offer(self) -> str:
        """The model in a list: what it is called, and what it takes."""
        size, memory = self.file.size / 1e9, self.memory / 1e9
        return f"{self.id} (download {size:.1f} GB, {self.licence}, needs {memory:.1f} GB of memory)"

    @property
    def memory(self) -> int:
        """The bytes of memory that it takes."""
        return self.file.size + PARALLEL_CHATS * CONTEXT_TOKENS * self.context_bytes + _WORKING_MEMORY


def _context_bytes(layers: int, heads: int, head_size: int) -> int:
    """Keys and values of one token in all layers that attend to all others, as numbers of two bytes."""
    return 2 * layers * heads * head_size * 2


OFFERED_MODELS = (
    OfferedModel(
        "Qwen3-0.6B",
        "Qwen",
        "Apache-2.0",
        ModelFile(
            "Qwen3-0.6B-Q8_0.gguf",
            repo="Qwen/Qwen3-0.6B-GGUF",
            revision="23749fefcc72300e3a2ad315e1317431b06b590a",
            size=639_446_688,
            sha256="9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
        ),
        _context_bytes(layers=28, heads=8, head_size=128),
    ),
    OfferedModel(
        "Qwen3-1.7B",
        "Qwen",
        "Apache-2.0",
        ModelFile(
            "Qwen3-1.7B-Q4_K_M.gguf",
            repo="unsloth/Qwen3-1.7B-GGUF",
            revision="d7f544eead698dbd1f15126ef60b45a1e1933222",
            size=1_107_409_472,
            sha256="b139949c5bd74937ad8ed8c8cf3d9ffb1e99c866c823204dc42c0d91fa181897",
        ),
        _context_bytes(layers=28, heads=8, head_size=128),
    ),
    OfferedModel(
        "Qwen3.5-2B",
        "Qwen",
        "Apache-2.0",
        ModelFile(
            "Qwen3.5-2B-Q4_K_M.gguf",
            repo="unsloth/Qwen3.5-2B-GGUF",
            revision="f6d5376be1edb4d416d56da11e5397a961aca8ae",
            size=1_280_835_840,
            sha256="aaf42c8b7c3cab2bf3d69c355048d4a0ee9973d48f16c731c0520ee914699223",
        ),
        _context_bytes(layers=6, heads=2, head_size=256),  # three of four layers keep no keys and values
    ),
    OfferedModel(
        "SmolLM3-3B",
        "Hugging Face",
        "Apache-2.0",
        ModelFile(
            "SmolLM3-Q4_K_M.gguf",
            repo="ggml-org/SmolLM3-3B-GGUF",
            revision="4965cb60b150737b68a0408c36aeefb65078f894",
            size=1_915_305_312,
            sha256="8334b850b7bd46238c16b0c550df2138f0889bf433809008cc17a8b05761863e",
        ),
        _context_bytes(layers=36, heads=4, head_size=128),
    ),
    OfferedModel(
        "Qwen3-4B-Instruct-2507",
        "Qwen",
        "Apache-2.0",
        ModelFile(
            "Qwen3-4B-Instruct-2507-Q4_K_M.gguf",
            repo="unsloth/Qwen3-4B-Instruct-2507-GGUF",
            revision="a06e946bb6b655725eafa393f4a9745d460374c9",
            size=2_497_281_120,
            sha256="3605803b982cb64aead44f6c1b2ae36e3acdb41d8e46c8a94c6533bc4c67e597",
        ),
        _context_bytes(layers=36, heads=8, head_size=128),
    ),
)
"""From the smallest to the largest: the larger, the better and the slower its answers."""
