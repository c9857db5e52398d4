"""Random bodies, headers and paths: a clear refusal, a server that goes on, and no error in the log."""

from __future__ import annotations

import json
import string
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.ui.site import NO_TLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ui.site import Site

KEY = "sk-hostile-0123456789abcdef"
PATHS = ["/v1/chat", "/v1/chat/completions", "/v1/messages"]
HEADERS = [
    "host", "x-gradio-server", "origin", "authorization", "x-api-key", "content-type", "cookie", "x-forwarded-for",
    "x-forwarded-host", "range",
    "x-request-id", "accept-encoding", "if-none-match", "forwarded", "sec-fetch-site",
]  # fmt: skip
SMALL = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.just(KEY),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
messages = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "tool", "x"]), "content": anything}), max_size=3
)
bodies = anything | st.fixed_dictionaries(
    {},
    optional={
        "messages": anything | messages,
        "model": anything | st.sampled_from(["nobody/x", "", "/", "chaos/empty", "../x"]),
        "stream": anything, "temperature": anything, "max_tokens": anything, "stop": anything, "tools": anything,
        "response_format": anything, "fallback": anything, "models": anything, "n": anything,
    },
)  # fmt: skip
printable = st.text(
    string.printable.replace("\r", "").replace("\n", "").replace("\x0b", "").replace("\x0c", ""), max_size=60
)


@pytest.fixture(scope="module")
def caller(site: Site) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=site.url, trust_env=False, timeout=30, verify=NO_TLS) as caller:
        yield caller


@pytest.fixture(autouse=True)
def _is_well_afterwards(caller: httpx.Client, site: Site) -> Iterator[None]:
    before = len(site.log.read_bytes())
    yield
    assert caller.get("/health").json() == {"status": "ready"}
    logged = site.log.read_bytes()[before:].decode()
    assert "Traceback" not in logged
    assert KEY not in logged


@SMALL
@given(path=st.sampled_from(PATHS), body=bodies)
def test_a_body_is_understood_or_refused(caller: httpx.Client, path: str, body: Any) -> None:
    response = caller.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert response.status_code in (200, 400, 404, 413, 422, 429, 502, 503, 504)
    assert KEY not in response.text
    if response.is_error:
        assert response.json()["error"]["message"]


@SMALL
@given(path=st.sampled_from([*PATHS, "/gradio_api/queue/join", "/visitor/keys/openai"]), body=st.binary(max_size=200))
def test_bytes_are_refused(caller: httpx.Client, path: str, body: bytes) -> None:
    method = "PUT" if path.startswith("/visitor") else "POST"
    response = caller.request(method, path, content=body, headers={"content-type": "application/json"})
    assert 400 <= response.status_code < 500


@SMALL
@example(name="x-forwarded-host", value="::", path="/")
@example(name="x-forwarded-host", value="[:::]", path="/config")
@example(name="x-forwarded-host", value="256.256.256.256, hub.example", path="/")
@example(name="x-gradio-server", value="::", path="/gradio_api/info")
@given(
    name=st.sampled_from(HEADERS),
    value=printable,
    path=st.sampled_from(["/", "/config", "/v1/providers", "/v1/models", "/visitor/keys", "/gradio_api/file=/x"]),
)
def test_a_header_breaks_nothing(caller: httpx.Client, name: str, value: str, path: str) -> None:
    response = caller.get(path, headers={name: value.strip()})
    assert response.status_code < 500
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("name", ["x-forwarded-host", "x-gradio-server"])
@pytest.mark.parametrize("path", ["/", "/config"])
def test_of_a_header_that_comes_twice_the_first_is_checked(caller: httpx.Client, name: str, path: str) -> None:
    response = caller.get(path, headers=[(name, "[::"), (name, "127.0.0.1")])
    assert response.status_code == 400


@pytest.mark.parametrize("path", ["/v1/chat", "/gradio_api/queue/join", "/gradio_api/upload", "/config"])
def test_a_length_with_thousands_of_digits_is_refused(site: Site, path: str) -> None:
    with closing(HTTPConnection("127.0.0.1", site.port, timeout=30)) as connection:
        connection.request("POST", path, headers={"content-length": "0" * 5000})
        assert connection.getresponse().status == 413


@SMALL
@given(path=st.text(max_size=60))
def test_a_path_breaks_nothing(caller: httpx.Client, path: str) -> None:
    for start in ("/gradio_api/", "/v1/", "/", "/gradio_api/file="):
        try:
            request = caller.build_request("GET", start + path)
        except (httpx.InvalidURL, UnicodeEncodeError):
            continue
        assert caller.send(request).status_code < 500
