"""The real server, as somebody meets it who means no good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ui.conftest import browser, client, config, echo_server, fault_server, site  # noqa: F401  # as for the page's own tests
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server that believes to be on a Space: it tells visitors apart by what the platform's proxy says of them."""
    folder = tmp_path_factory.mktemp("space")
    environment = {
        "SPACE_ID": "someone/hub",
        "LLM_HUB_HOST": "127.0.0.1",
        "LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'votes.db'}",
    }
    with Site(folder / "log", environment) as space:
        yield space
    assert "Traceback" not in (folder / "log").read_text()
