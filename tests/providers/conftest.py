"""The loaded model that the tests of one module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider


@pytest.fixture(scope="module")
def provider() -> Iterator[LlamaCppProvider]:
    """One loaded model for every test that leaves it as it was."""
    provider = LlamaCppProvider(context=4096, parallel=3)
    yield provider
    provider._memory.stop()
