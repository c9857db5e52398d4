"""What mounting a Gradio page leaves open, and the front door closes, tried one by one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import gradio.queueing
import gradio.routes
import httpx
import pytest
from gradio.exceptions import InvalidPathError

from llm_hub.serving.application import Application
from llm_hub.serving.mount import build_page, mount_page
from llm_hub.settings import Settings
from llm_hub.ui.gradio_fixes.session_memory import ErrorPlaces
from tests.ui.site import Site
from tests.ui.tab import Tab, updates

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fault_server import FaultServerThread

CANARY = "canary-0123456789"


def call(event: dict[str, Any], data: list[Any], session: str = "somebody") -> dict[str, Any]:
    return {"data": data, "fn_index": event["id"], "session_hash": session, "trigger_id": None}


def forged(path: str) -> list[Any]:
    """One file that nobody uploaded, in every shape that a component of Gradio takes."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, "mime_type": "image/png"}
    return [
        file,
        [file],
        {"text": "x", "files": [file]},
        [{"role": "user", "content": [{"type": "file", "file": file}], "metadata": None, "options": None}],
        [{"image": file, "caption": None}],
        {"video": file, "subtitles": None},
    ]


async def test_a_file_that_nobody_uploaded_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_text(CANARY)
    site = Site(tmp_path / "log", {"OPENAI_API_KEY": "sk-test-0123456789", "CANARY": CANARY})
    with site:
        async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=30) as client:
            config = (await client.get("/config")).json()
            for path in ("/proc/self/environ", str(tmp_path / "secret.png")):
                await _name_in_every_event(client, config, path)
                assert (await client.get(f"/gradio_api/file={path}")).status_code in (403, 404)
    assert CANARY not in site.log.read_text()


async def test_gradio_itself_would_not_read_it_either(tmp_path: Path) -> None:
    """It checks this only when `has_launched` is set; without that, any visitor reads any file."""
    (tmp_path / "secret.png").write_text(CANARY)
    application = Application(Settings(database_url=f"sqlite:///{tmp_path / 'hub.db'}"))
    page = build_page(application.gateway, application.votes, None, application.conversations, None)
    mount_page(application.site, page, application.front_door)
    for module in (gradio.queueing, gradio.routes):
        assert vars(module)["traceback"] is ErrorPlaces
    send = next(event for event in page.blocks.fns.values() if event.api_name == "send")
    for kind in forged(str(tmp_path / "secret.png")):
        with pytest.raises(InvalidPathError, match="was not uploaded by a user"):
            await page.blocks.process_api(send, [kind for _ in send.inputs])


async def _name_in_every_event(client: httpx.AsyncClient, config: dict[str, Any], path: str) -> None:
    for number, event in enumerate(config["dependencies"]):
        if not event["inputs"] or not event["backend_fn"]:
            continue
        for shape, value in enumerate(forged(path)):
            body = call(event, [value for _ in event["inputs"]], f"s{number}x{shape}")
            if not event["queue"]:
                text = (await client.post("/gradio_api/run/predict", json=body)).text
                assert CANARY not in text
                assert "environ" not in text
            elif shape in (2, 3):
                joined = await client.post("/gradio_api/queue/join", json=body)
                if joined.status_code == 200:
                    await _read_to_the_end(client, body["session_hash"])


async def _read_to_the_end(client: httpx.AsyncClient, session: str) -> None:
    async with client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as stream:
        async for line in stream.aiter_lines():
            assert CANARY not in line
            assert "environ" not in line
            if "process_completed" in line or "close_stream" in line:
                return


async def test_no_event_reads_the_conversation_from_the_client(config: dict[str, Any]) -> None:
    """A Chatbot's value may name files, and components that the server would build with the client's arguments.

    Of HTML only what names the open conversation is read, and of that only its id, and the number of the turn that was
    clicked, which is checked.
    """
    kinds = {part["id"]: part["type"] for part in config["components"]}
    names = {part["id"]: part["props"].get("elem_id") or "" for part in config["components"]}
    read = {part for event in config["dependencies"] if event["backend_fn"] for part in event["inputs"]}
    known = {"chat-opened", "compare-opened", "chat-turn-actions"}
    assert {names[part] for part in read if kinds[part] == "html"} <= known
    assert not {kinds[part] for part in read} & {"chatbot", "file", "image", "gallery", "dataframe"}


async def test_a_component_that_a_client_describes_is_not_built(
    client: httpx.AsyncClient, config: dict[str, Any], site: Site
) -> None:
    script = f"console.log('{CANARY}')"
    described = {"type": "component", "component": "html", "props": {}, "value": f"<b>{CANARY}</b>",
        "constructor_args": {"value": CANARY, "js_on_load": script}}  # fmt: skip
    for event in config["dependencies"]:
        if not event["queue"] and event["backend_fn"] and event["inputs"]:
            for value in (described, [described], {"text": described, "files": [described]}):
                body = call(event, [value for _ in event["inputs"]])
                reply = await client.post("/gradio_api/run/predict", json=body)
                assert reply.status_code in (200, 400)
                assert script not in reply.text


@pytest.mark.parametrize(
    "path",
    ["deep_link?session_hash=x", "proxy=http://127.0.0.1/", "file=http://127.0.0.1/", "file=https://example.com/a.png",
     "file=HTTP://127.0.0.1/", "file/etc/passwd", "dev/reload", "api/predict", "api/predict/", "call/send",
     "call/v2/send", "call/send/0123", "component_server", "component_server/", "process_recording", "run-history/x",
     "run-history/connect", "runs", "vibe-edit", "vibe-code/", "vibe-starter-queries", "profiling/traces", "stream/x",
     "stream/a/b/c/playlist.m3u8", "custom_component/a/client/b/c", "queue/status",
     "upload_progress?upload_id=x", "openapi.json", "login_check",
     "token", "user", "mcp/sse", "run/predict/../../deep_link", "%64eep_link?session_hash=x", ""],
)  # fmt: skip
async def test_what_the_page_does_not_use_is_closed(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST"):
        assert (await client.request(method, f"/gradio_api/{path}")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/monitoring", "/monitoring/summary", "/monitoring/x", "/svelte/x", "/docs", "/redoc", "/openapi.json",
        "/?deep_link=x", "/?%64eep_link=x", "/?a=b&deep_link=x"]
)  # fmt: skip
async def test_what_would_describe_the_server_is_closed(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_page_keeps_no_runs_and_offers_no_api(config: dict[str, Any], client: httpx.AsyncClient) -> None:
    assert not config.get("run_history")
    assert not config.get("enable_monitoring")
    assert all(event["api_visibility"] == "private" for event in config["dependencies"] if event["backend_fn"])
    assert (await client.get("/gradio_api/info")).json()["named_endpoints"] == {}


async def test_an_answer_cannot_be_started_without_the_queue(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    queued = [event for event in config["dependencies"] if event["queue"] and event["backend_fn"]]
    assert queued
    for event in queued:
        body = Tab(client, config)._call(event, {}) | {"event_data": {"index": 0, "value": "x", "previous_value": ""}}
        assert (await client.post("/gradio_api/run/predict", json=body)).status_code == 404, event["api_name"]


FOREIGN = [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://127.0.0.1:1",
    "file://",
    "",
    "http://[",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_page_of_another_site_gets_nothing(client: httpx.AsyncClient, origin: str, method: str) -> None:
    headers = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "x"}
    for path in ("/", "/config", "/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/cancel"):
        reply = await client.request(method, path, headers=headers)
        assert reply.status_code == 403, path
        assert "access-control-allow-origin" not in reply.headers
    reply = await client.request(method, "/v1/chat", headers=headers, json={})
    assert reply.is_error or method == "OPTIONS"
    assert "access-control-allow-origin" not in reply.headers


async def test_the_page_itself_is_no_other_site(client: httpx.AsyncClient, site: Site) -> None:
    host = site.url.removeprefix("http://")
    for headers in (
        {"origin": site.url},
        {"origin": "https://hub.example", "x-forwarded-host": "hub.example"},  # which no other page can send
        {"origin": "https://hub.example", "sec-fetch-site": "same-origin"},
        {"origin": f"http://{host.upper()}"},
    ):
        assert (await client.get("/config", headers=headers)).status_code == 200, headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[::2]", "["]
)
async def test_on_this_computer_alone_it_has_no_other_name(client: httpx.AsyncClient, host: str) -> None:
    """A name that an attacker points to 127.0.0.1 would make their page one of ours."""
    for path in ("/", "/config", "/health", "/v1/providers"):
        reply = await client.get(path, headers={"host": host})
        assert reply.status_code in (400, 421), path
        assert "Gradio" not in reply.text


async def test_this_computer_has_several_names(client: httpx.AsyncClient, site: Site) -> None:
    for host in ("localhost", f"LOCALHOST:{site.port}", "127.0.0.1", "127.9.9.9", "[::1]:80"):
        assert (await client.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "X-Forwarded-Host", "forwarded", "via", "x-real-ip"])
async def test_a_client_behind_a_proxy_is_not_the_owner_of_a_hub_for_this_computer(
    client: httpx.AsyncClient, config: dict[str, Any], header: str
) -> None:
    async def ask(provider: str, model: str) -> str:
        messages = await Tab(client, config).ask("Hello", chat_provider=provider, chat_model=model)
        return json.dumps([message.message for message in messages])

    assert "paid" in await ask("openai", "ok?text=paid")
    client.headers[header] = "8.8.8.8"
    text = await ask("openai", "ok?text=stolen")
    assert "OpenAI needs a key" in text
    assert "stolen" not in text.replace("ok?text=stolen", "")  # the model's name, beside the failure
    assert "free" in await ask("second", "ok?text=free")


@pytest.mark.parametrize("query", ["session_hash=nobodys", "session_hash=", ""])
async def test_events_of_a_session_without_any_are_not_there_and_not_logged(
    client: httpx.AsyncClient, site: Site, query: str
) -> None:
    before = site.log.read_text()
    reply = await client.get(f"/gradio_api/queue/data?{query}")
    assert (reply.status_code, "Traceback" in site.log.read_text().removeprefix(before)) == (404, False)


async def test_who_asks_for_a_web_socket_is_answered_over_http(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(
        f"GET /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nUpgrade: websocket\r\n".encode()
        + b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    assert (await reader.readline()).split()[1] == b"400"  # an event without a session
    writer.close()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1", b"\xff", b'{"a":' * 10_000, b'{"data": [], "fn_index": 0}',
     b'{"data": [], "fn_index": 99999, "session_hash": "x"}', b'{"data": {}, "fn_index": 0, "session_hash": "x"}',
     b'{"data": [], "fn_index": "0", "session_hash": "x"}', b'{"data": [], "fn_index": true, "session_hash": "x"}',
     b'{"data": [], "fn_index": -1, "session_hash": "x"}', b'{"data": [], "fn_index": 0, "session_hash": "../x"}',
     b'{"data": [], "fn_index": 0, "session_hash": {}}', b'{"data": [], "fn_index": 1e99, "session_hash": "x"}',
     b'{"data": [NaN], "fn_index": 0, "session_hash": "x"}'],
)  # fmt: skip
async def test_a_call_that_the_page_never_makes_is_refused(client: httpx.AsyncClient, body: bytes, site: Site) -> None:
    before = len(site.log.read_text())
    for path in ("run/predict", "queue/join"):
        reply = await client.post(f"/gradio_api/{path}", content=body, headers={"content-type": "application/json"})
        assert reply.status_code == 400
        assert reply.json()["detail"]
    assert len(site.log.read_text()) == before


def test_what_somebody_typed_is_not_logged_when_an_event_fails(caplog: pytest.LogCaptureFixture) -> None:
    """Gradio prints an error's words, which may be what a visitor typed."""
    nothing: dict[str, str] = {}
    try:
        nothing[CANARY]
    except KeyError:
        ErrorPlaces.print_exc()
    assert "An event of the page failed: KeyError" in caplog.text
    assert "test_closed.py" in caplog.text
    assert CANARY not in caplog.text


async def test_a_tab_can_neither_end_nor_read_the_answer_of_another(
    client: httpx.AsyncClient, config: dict[str, Any], site: Site, fault_server: FaultServerThread
) -> None:
    mine, model = Tab(client, config), "ok?tokens=60&rate=20&mine=1"
    answer = asyncio.create_task(mine.ask("Hello", chat_provider="openai", chat_model=model))
    await asyncio.to_thread(
        fault_server.wait_for,
        lambda exchanges: any(exchange.model == model and exchange.status for exchange in exchanges),
    )
    for event in config["dependencies"]:
        for session, event_id in (("somebody", "x"), ("somebody", None), ("", "")):
            body = {"session_hash": session, "fn_index": event["id"], "event_id": event_id}
            await client.post("/gradio_api/cancel", json=body)
    pieces = []
    with contextlib.suppress(httpx.RemoteProtocolError):  # cut, since there is nothing to hear
        async with client.stream("GET", "/gradio_api/queue/data?session_hash=somebody") as stream:
            pieces = [text async for text in stream.aiter_text()]
    assert "process_generating" not in "".join(pieces)
    messages = await answer
    assert messages[-1].message["success"]
    assert len(updates(messages)) > 10
    text = json.dumps([message.message for message in messages])
    other = (await client.get("/config")).text + (await client.get("/")).text + (await client.get("/v1/providers")).text
    assert mine._session not in other
    assert "Traceback" not in site.log.read_text()
    assert text.count(mine._session) == 0


async def test_uploads_are_few_small_and_of_one_kind(client: httpx.AsyncClient) -> None:
    path = "/gradio_api/upload"
    many = [("files", (f"{number}.png", b"x")) for number in range(50)]
    assert (await client.post(path, files=many)).status_code == 413
    assert (await client.post(path, files=[("files", ("a.png", b"x" * 11_000_000))])).status_code == 413
    assert (await client.post(path, content=b"x" * 26_000_000)).status_code == 413
    assert (await client.post(path, json={})).status_code == 400
    assert (await client.post(path, content=b"x", headers={"content-type": "multipart/form-data; boundary=a"})).is_error


async def test_an_uploaded_page_is_never_shown(client: httpx.AsyncClient) -> None:
    for name, kind in (("a.html", "text/html"), ("a.svg", "image/svg+xml"), ("a.js", "text/javascript")):
        uploaded = await client.post("/gradio_api/upload", files=[("files", (name, b"<script>1</script>", kind))])
        fetched = await client.get(f"/gradio_api/file={uploaded.json()[0]}")
        assert fetched.status_code == 200, (uploaded.text, fetched.text)
        assert fetched.headers["content-disposition"].startswith("attachment")
        assert fetched.headers["x-content-type-options"] == "nosniff"
        assert "script-src 'self'" in fetched.headers["content-security-policy"]


async def test_an_upload_that_does_not_say_its_size_ends_at_the_limit(client: httpx.AsyncClient) -> None:
    async def endless() -> Any:
        yield b'--a\r\ncontent-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for _ in range(40):
            yield b"x" * 1_000_000

    kind = {"content-type": "multipart/form-data; boundary=a"}
    assert (await client.post("/gradio_api/upload", content=endless(), headers=kind)).status_code == 413
