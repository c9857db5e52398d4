"""How a Space starts: with its own environment and files, on one port, whether it has a GPU or not."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from llm_hub.settings import Settings
from tests.spaces.conftest import ENVIRONMENT
from tests.ui.site import Site

if TYPE_CHECKING:
    import pytest

STAND_IN = Path(__file__).parent / "stand_in"
CHAOS = {"LLM_HUB_CHAOS": "1"}


def listening(site: Site) -> list[tuple[str, int]]:
    """Every address that the server and its children listen on."""
    first = psutil.Process(site.process.pid)
    processes = (first, *first.children(recursive=True))
    sockets = (socket for process in processes for socket in process.net_connections("tcp"))
    return sorted((socket.laddr.ip, socket.laddr.port) for socket in sockets if socket.status == psutil.CONN_LISTEN)


def test_a_space_listens_on_one_port_for_everybody(space: Site) -> None:
    assert listening(space) == [("0.0.0.0", space.port)]


def test_a_spaces_port_is_the_one_that_the_platform_looks_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load(tmp_path / ".env")
    assert (settings.host, settings.port) == ("0.0.0.0", 7860)


def test_the_api_is_served_beside_the_page(space: Site) -> None:
    with httpx.Client(base_url=space.url, trust_env=False, timeout=30) as client:
        assert client.get("/health").json() == {"status": "ready"}
        assert "LLM Hub" in client.get("/").text
        refused = client.get("/v1/providers", headers={"X-Forwarded-For": "203.0.113.7"})
        assert (refused.status_code, refused.json()["error"]["type"]) == (403, "permission_error")


def test_a_server_on_this_computer_is_not_offered_where_there_can_be_none(space: Site) -> None:
    with httpx.Client(base_url=space.url, trust_env=False, timeout=30) as client:
        ollama = client.get("/v1/providers/ollama").json()
    assert not ollama["ready"]
    assert "OLLAMA_BASE_URL" in ollama["problem"]


def test_a_space_without_the_settings_for_it_has_no_button_to_sign_in(space: Site) -> None:
    with httpx.Client(base_url=space.url, trust_env=False, timeout=30) as client:
        page = client.get("/config").text
    assert "keys-own" in page
    assert "keys-login-button" not in page


def test_the_page_names_its_public_address_behind_the_platforms_proxy(space: Site) -> None:
    proxied = {"X-Forwarded-Host": ENVIRONMENT["SPACE_HOST"], "X-Forwarded-Proto": "https"}
    with httpx.Client(base_url=space.url, trust_env=False, timeout=30) as client:
        assert client.get("/config", headers=proxied).json()["root"] == f"https://{ENVIRONMENT['SPACE_HOST']}"


def test_a_zero_gpu_space_reports_its_start_and_serves_like_any_other(files: Path, tmp_path: Path) -> None:
    reports: list[str] = []

    class Device(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reports.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Device) as device:
        threading.Thread(target=device.serve_forever, daemon=True).start()
        environment = ENVIRONMENT | {
            "HOME": str(tmp_path),
            "SPACES_ZERO_GPU": "true",
            "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{device.server_port}",
            "PYTHONPATH": "" if find_spec("spaces") else str(STAND_IN),
        }
        with Site(tmp_path / "log", environment, folder=files) as site:
            assert reports == ["/startup-report"]
            assert listening(site) == [("0.0.0.0", site.port)]
            with httpx.Client(base_url=site.url, trust_env=False, timeout=30) as client:
                assert client.get("/health").json() == {"status": "ready"}
                assert client.get("/gradio_api/deep_link").status_code == 404
                assert "content-security-policy" in client.get("/").headers
            site.stop()
            assert site.process.returncode == 0
        device.shutdown()
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_use_is_recorded_in_the_spaces_own_folder_before_it_ends(files: Path, tmp_path: Path) -> None:
    copied = Path(shutil.copytree(files, tmp_path / "app"))
    by_default = {"LLM_HUB_DATABASE_URL": "", "HOME": str(tmp_path)}
    with Site(tmp_path / "log", ENVIRONMENT | CHAOS | by_default, folder=copied) as site:
        assert ask(site) == 200
        site.stop()
    with closing(sqlite3.connect(copied / "llm-hub.db")) as database:
        rows = database.execute("SELECT who, target, outcome FROM requests").fetchall()
    assert rows == [("local", "chaos/steady", "answered")]


def test_an_unwritable_folder_is_logged_and_answers_go_on(files: Path, tmp_path: Path) -> None:
    nowhere = {"LLM_HUB_DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/llm-hub.db"}
    with Site(tmp_path / "log", ENVIRONMENT | CHAOS | nowhere | {"HOME": str(tmp_path)}, folder=files) as site:
        assert ask(site) == 200
        site.stop()
        assert site.process.returncode == 0
    log = (tmp_path / "log").read_text()
    assert "database" in log
    assert "Traceback" not in log


def ask(site: Site) -> int:
    """The status of an answer by the API."""
    body = {"model": "chaos/steady", "messages": [{"role": "user", "content": "Hello"}]}
    return httpx.post(f"{site.url}/v1/chat", json=body, trust_env=False, timeout=30).status_code
