"""Azure's older addresses: each is one deployment's, which has no list of models, and takes its key in another header.

    https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT?api-version=2024-10-21

Azure's v1 API (`/openai/v1`) needs nothing of this: learn.microsoft.com, "Azure OpenAI REST API reference".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_DEPLOYMENT = re.compile(r"/openai/deployments/([^/]+)$")


def deployment_of(address: str) -> str:
    """The deployment whose base URL that is; "" for any other base URL."""
    deployment = _DEPLOYMENT.search(address)
    return deployment[1] if deployment else ""


def request_headers(client: AsyncOpenAI, address: str) -> dict[str, str]:
    """The client's own headers of each request, with the key where the server looks for it."""
    own = {**client.default_headers, **client.auth_headers}
    headers = {name.lower(): value for name, value in own.items() if isinstance(value, str)}
    if deployment_of(address):
        del headers["authorization"]
        headers["api-key"] = client.api_key
    return headers
