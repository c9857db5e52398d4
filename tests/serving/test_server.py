"""The server from outside: how it starts, which headers it sends, and which settings it refuses."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.ui.site import ROOT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    # A Space sets GRADIO_SSR_MODE, and then a Node server would take the port.
    environment = {"GRADIO_SSR_MODE": "True", "OPENAI_API_KEY": "sk-test-0123456789"}
    with Site(tmp_path_factory.mktemp("server") / "log", environment) as site:
        yield site


@pytest.fixture
def client(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
        yield client


def test_the_port_answers_before_the_page_is_built(site: Site) -> None:
    assert site.first_ok < site.ready


def test_the_log_says_where_the_page_is_and_nothing_else(site: Site) -> None:
    lines = site.log.read_text().splitlines()
    assert len(lines) == 1, lines
    assert f"LLM Hub is ready: {site.url} " in lines[0]


def test_health_says_that_the_page_is_ready(client: httpx.Client) -> None:
    response = client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ready"})


def test_a_load_balancer_is_told_when_the_page_is_there(tmp_path: Path) -> None:
    seen: dict[tuple[str, str], int] = {}
    site = Site(tmp_path / "log")
    starting = threading.Thread(target=site.start)
    starting.start()
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
        while starting.is_alive():
            for path in ("/health", "/health/ready"):
                with contextlib.suppress(httpx.TransportError):  # nothing listens yet
                    response = client.get(path)
                    seen[path, response.json()["status"]] = response.status_code
    starting.join()
    site.stop()
    assert seen == {
        ("/health", "starting"): 200,
        ("/health", "ready"): 200,
        ("/health/ready", "starting"): 503,
        ("/health/ready", "ready"): 200,
    }


def test_every_answer_carries_the_policy(client: httpx.Client) -> None:
    for path in ("/", "/health", "/config", "/nowhere"):
        policy = client.get(path).headers["content-security-policy"]
        assert "img-src 'self' data: blob:" in policy
        assert "form-action 'self'" in policy
        assert "connect-src 'self';" in policy


def test_the_page_names_no_key(client: httpx.Client) -> None:
    assert "sk-test" not in client.get("/").text + client.get("/config").text


def test_too_large_a_body_is_refused(client: httpx.Client) -> None:
    assert client.post("/gradio_api/queue/join", content=b"x" * 5_000_000).status_code == 413

    def unannounced() -> Iterator[bytes]:
        yield from (b"x" * 1_000_000 for _ in range(5))

    assert client.post("/gradio_api/queue/join", content=unannounced()).status_code == 413


def test_a_port_in_use_is_named_with_its_setting(site: Site) -> None:
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={"LLM_HUB_PORT": str(site.port)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "LLM_HUB_PORT" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_setting_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env={"LLM_HUB_PORT": "many"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "LLM_HUB_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_port_is_bound_before_anything_is_imported_for_the_page(tmp_path: Path) -> None:
    with Site(tmp_path / "log", from_scratch=True) as site, socket.create_connection(("127.0.0.1", site.port), 30):
        assert site.first_ok < site.ready
