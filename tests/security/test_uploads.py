"""Uploads that break off: no error is logged for a client that leaves, and nothing stays on the disk."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

import pytest
from gradio.route_utils import upload_fn
from starlette.requests import ClientDisconnect, Request

from llm_hub.serving.front_door import FrontDoor
from llm_hub.ui.gradio_fixes.upload_cleanup import MAX_LEFTOVER_AGE, sweep

if TYPE_CHECKING:
    from pathlib import Path

PART = b'--a\r\ncontent-disposition: form-data; name="%b"; filename="a.png"\r\n\r\nxyz'


def upload(*body: bytes, whole: bool) -> tuple[dict[str, Any], Any]:
    """A scope and its `receive`. Unless the body is `whole`, the client leaves before its end."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in body]
    messages.append({"type": "http.request"} if whole else {"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=a")]
    path = "/gradio_api/upload"
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers, "client": None}
    return scope, receive


async def test_a_client_that_leaves_while_it_sends_a_body_is_neither_answered_nor_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Any, _: Any) -> None:
        async for _part in Request(scope, receive).stream():
            pass

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope, receive = upload(PART % b"files", whole=False)
    await FrontDoor(app, on_space=False)(scope, receive, send)
    assert not sent
    assert not caplog.records


async def _upload_without_success(folder: Path) -> None:
    with pytest.raises(ClientDisconnect):
        await upload_fn(Request(*upload(PART % b"files", whole=False)), str(folder), 1000, None)
    await upload_fn(Request(*upload(PART % b"other", b"\r\n--a--\r\n", whole=True)), str(folder), 1000, None)


def test_what_gradio_leaves_of_an_upload_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    asyncio.run(_upload_without_success(tmp_path))
    left = {file for file in tmp_path.iterdir() if file.is_file()}
    assert len(left) == 2, "Gradio leaves nothing any more: llm_hub/ui/gradio_fixes/upload_cleanup.py can go"

    arriving = max(file.stat().st_mtime for file in left)
    sweep(arriving)
    assert left == {file for file in tmp_path.iterdir() if file.is_file()}
    (tmp_path / "0a1b").mkdir()
    (tmp_path / "0a1b" / "tmpabcdefgh").write_bytes(b"an image that was uploaded")
    (tmp_path / "tmp-of-others.txt").write_bytes(b"")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1, 1))
    sweep(MAX_LEFTOVER_AGE + 2)
    assert {path.name for path in tmp_path.iterdir()} == {"0a1b", "tmp-of-others.txt"}
    assert (tmp_path / "0a1b" / "tmpabcdefgh").exists()
