"""Embedded models that are still to be downloaded, as programs meet them: refused at once, and a route goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llm_hub.access import configured_providers
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from tests.api.conftest import served
from tests.fault_server import FaultServer, answer_text
from tests.providers.hugging_face import HuggingFace, serving
from tests.ui.offered_model import BETTER, content, stand_in

HELLO = [{"role": "user", "content": "Hello"}]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setattr(configured_providers, "OFFERED_MODELS", (stand_in(),))


def settings(folder: Path, **environment: str) -> Settings:
    (folder / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    return Settings.load(folder / "settings.env")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_is_not_here_is_refused_at_once_and_says_how_far_its_download_is(
    tmp_path: Path, stream: bool
) -> None:
    body: dict[str, Any] = {"model": f"local/{BETTER}", "messages": HELLO, "stream": stream}
    with serving(HuggingFace(content(), hold_at=len(content()) // 2)) as hugging_face:
        hub = Hub(settings(tmp_path, HF_ENDPOINT=hugging_face.url))
        async with served(hub, {}) as api:
            reply = await api.client.post("/v1/chat/completions", json=body)
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "not_configured")
            assert "Retry-After" not in reply.headers
            assert f"{BETTER} is still to be downloaded. Download it on the Chat tab" in reply.text
            assert hugging_face.ranges == [], "no request begins a download"
            downloads = hub.session().downloads
            assert downloads is not None
            downloads.start(downloads.models[0])
            assert hugging_face.held.wait(100)
            reply = await api.client.post("/v1/chat/completions", json=body)
            assert reply.status_code == 503
            assert 1 <= int(reply.headers["Retry-After"]) <= 60
            assert f"{BETTER} is being downloaded: " in reply.json()["error"]["message"]
            models = (await api.client.get("/v1/models")).json()["data"]
            assert f"local/{BETTER}" not in {model["id"] for model in models}
        await hub.aclose()


async def test_a_route_goes_on_with_the_next_model_at_once(tmp_path: Path, fault_server: FaultServer) -> None:
    with serving(HuggingFace(content())) as hugging_face:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789abcdef", "OPENAI_BASE_URL": fault_server.openai_url}
        hub = Hub(settings(tmp_path, HF_ENDPOINT=hugging_face.url, **keys))
        async with served(hub, {}) as api:
            body = {"model": f"local/{BETTER}", "models": ["openai/ok"], "messages": HELLO}
            reply = await api.client.post("/v1/chat/completions", json=body)
            assert reply.json()["choices"][0]["message"]["content"] == answer_text()
        assert hugging_face.ranges == []
        await hub.aclose()
