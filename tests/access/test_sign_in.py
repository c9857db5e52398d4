"""Signing in with Hugging Face, before an OpenID provider of our own; and a Space that does not offer it."""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from itsdangerous import TimestampSigner
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from llm_hub.gateway.visitors import TAB_HEADER
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "hf_oauth_0123456789abcdef"
SPACE = "somebody-hub.hf.space"


class OpenID:
    """Says yes to everybody: they are all called anna."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(2048, parameters={"kid": "one"})
        self._nonces: dict[str, str] = {}
        openid = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                if path == "/oauth/authorize":
                    asked = {name: values[0] for name, values in parse_qs(query).items()}
                    code = secrets.token_hex()
                    openid._nonces[code] = asked["nonce"]
                    back = f"{asked['redirect_uri']}&{urlencode({'code': code, 'state': asked['state']})}"
                    self._answer(302, {}, location=back)
                elif path == "/jwks":
                    self._answer(200, dict(KeySet([openid._key]).as_dict(private=False)))
                else:
                    self._answer(200, openid.metadata)

            def do_POST(self) -> None:
                sent = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self._answer(200, openid.token(sent["code"][0]))

            def _answer(self, status: int, body: dict[str, Any], location: str = "") -> None:
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                if location:
                    self.send_header("location", location)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/oauth/authorize",
            "token_endpoint": f"{self.url}/oauth/token",
            "jwks_uri": f"{self.url}/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def token(self, code: str) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.url, "sub": "1", "aud": "client", "iat": now, "exp": now + 600, "nonce": self._nonces[code],
            "name": "Anna", "preferred_username": "anna", "profile": "https://huggingface.co/anna", "picture": "x",
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self._key)
        return {"access_token": TOKEN, "token_type": "bearer", "expires_in": 600, "id_token": signed}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("space")
    with OpenID() as openid:
        environment = {
            "SYSTEM": "spaces",
            "SPACE_ID": "somebody/hub",
            "SPACE_HOST": SPACE,
            "LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'hub.db'}",
            "OAUTH_CLIENT_ID": "client",
            "OAUTH_CLIENT_SECRET": "a secret of the space",
            "OAUTH_SCOPES": "openid profile inference-api",
            "OPENID_PROVIDER_URL": openid.url,
            "HF_TOKEN": "hf_owner_0123456789abcdef",
        }
        with Site(folder / "log", environment) as site:
            yield site
        assert TOKEN not in (folder / "log").read_text()


class Browser:
    """Keeps the cookies, which are for https alone: a Space's proxy speaks it, and the server behind it does not."""

    def __init__(self, site: Site) -> None:
        headers = {"host": SPACE, "x-forwarded-proto": "https", TAB_HEADER: secrets.token_urlsafe(32)}
        self.client = httpx.Client(base_url=site.url, headers=headers, trust_env=False, timeout=20)
        self.cookie = ""
        self.config = self.get("/config").json()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str) -> httpx.Response:
        return self._kept(self.client.get(path, headers={"cookie": self.cookie}))

    def _kept(self, response: httpx.Response) -> httpx.Response:
        if "set-cookie" in response.headers:
            self.cookie = response.headers["set-cookie"].partition(";")[0]
        return response

    def sign_in(self) -> None:
        asked = self.get("/login/huggingface?_target_url=/")
        with httpx.Client(trust_env=False) as elsewhere:
            back = elsewhere.get(asked.headers["location"]).headers["location"]
        assert back.startswith(f"https://{SPACE}/login/callback?")
        came = self.get(f"{urlsplit(back).path}?{urlsplit(back).query}")
        assert (came.status_code, came.headers["location"]) == (307, "/")

    def providers(self) -> str:
        """What the page offers once it is loaded, as the browser is told."""
        names = {part["id"]: part["props"].get("elem_id") for part in self.config["components"]}
        said = []
        for event in self.config["dependencies"]:
            lists = any(names[part] == "chat-provider" for part in event["outputs"])
            if lists and event["api_name"].startswith("update_lists"):
                body = {"data": [], "fn_index": event["id"], "session_hash": "abc", "trigger_id": None}
                ran = self.client.post("/gradio_api/run/predict", json=body, headers={"cookie": self.cookie})
                said.append(ran.raise_for_status().text)
        assert said
        return said[0]


def test_whoever_signs_in_has_a_key_for_hugging_face_until_they_sign_out(space: Site) -> None:
    with Browser(space) as browser, Browser(space) as other:
        assert '"Hugging Face (needs a key)"' in browser.providers()
        browser.sign_in()
        assert '"Hugging Face"' in browser.providers()
        assert '"OpenAI (needs a key)"' in browser.providers()
        assert '"Hugging Face (needs a key)"' in other.providers()
        assert browser.get("/visitor/keys").json()["signed_in"]
        for path in ("/visitor/keys", "/config", "/", "/health"):
            assert TOKEN not in browser.get(path).text
        browser.get("/logout")
        assert '"Hugging Face (needs a key)"' in browser.providers()


def test_a_cookie_that_somebody_made_up_signs_nobody_in(space: Site) -> None:
    info = base64.b64encode(json.dumps({"oauth_info": {"access_token": TOKEN}}).encode())
    with Browser(space) as browser:
        browser.cookie = f"session={TimestampSigner('a guess').sign(info).decode()}"
        assert '"Hugging Face (needs a key)"' in browser.providers()


def test_outside_of_a_space_there_is_no_button_and_the_page_works(tmp_path: Path) -> None:
    environment = {"OAUTH_CLIENT_ID": "client", "HF_TOKEN": "hf_of_the_owner_01"}
    with Site(tmp_path / "log", environment) as site, httpx.Client(base_url=site.url, trust_env=False) as client:
        assert "keys-own" in client.get("/config").text
        assert "keys-login-button" not in client.get("/config").text
