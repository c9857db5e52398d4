"""An HTTP client that reaches each host as the owner's network says: Hugging Face sends on to other hosts.

Importing it imports httpx2, which only a download needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from llm_hub.wire.network import Network


class NetworkTransport(httpx2.BaseTransport):
    """Sends each request through the proxy that `network` names for its URL, or directly; trusts its certificates."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._certificates = httpx2.create_ssl_context(trust_env=False)
        if network.ca_file:
            self._certificates.load_verify_locations(network.ca_file)
        self._by_proxy: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        proxy = self._network.proxy_for(str(request.url))
        if proxy not in self._by_proxy:
            self._by_proxy[proxy] = httpx2.HTTPTransport(
                verify=self._certificates, trust_env=False, proxy=proxy or None
            )
        return self._by_proxy[proxy].handle_request(request)

    def close(self) -> None:
        for transport in self._by_proxy.values():
            transport.close()
