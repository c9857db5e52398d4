"""A hub whose offered models are one: the packaged model's file stands in for a better one, under that one's name.

The site of a test runs in a process of its own, where nothing can be handed over: its `app.py` is written here.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from llm_hub.providers.llamacpp.model_file import ModelFile, find_model_file
from llm_hub.providers.llamacpp.offered_models import OfferedModel

BETTER = "Qwen3-1.7B"
APP = """
from llm_hub.providers.llamacpp import offered_models
from llm_hub.providers.llamacpp.model_file import ModelFile
from llm_hub.providers.llamacpp.offered_models import OfferedModel

offered_models.OFFERED_MODELS = ({model!r},)

from llm_hub.serving.server import main

main()
"""


@cache
def content() -> bytes:
    """The packaged model's file."""
    path = find_model_file(None).path
    assert path is not None
    return path.read_bytes()


def stand_in(*, size: int = 0, context_bytes: int = 23_040) -> OfferedModel:
    """A better model whose file is the packaged one's, or one of so many bytes that nobody has."""
    file = ModelFile(
        "Qwen3-1.7B-Q4_K_M.gguf",
        repo="unsloth/Qwen3-1.7B-GGUF",
        revision="0" * 40,
        size=size or len(content()),
        sha256=hashlib.sha256(content()).hexdigest(),
    )
    return OfferedModel(BETTER, "Qwen", "Apache-2.0", file, context_bytes)


def write_app(folder: Path, model: OfferedModel) -> dict[str, str]:
    """Writes the `app.py` of a hub that offers this model. Returns the environment that it needs."""
    (folder / "app.py").write_text(APP.format(model=model))
    return {"HF_HOME": str(folder / "huggingface")}
