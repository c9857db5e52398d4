"""What the catalog says of its adapters, which are imported only when they are used."""

from __future__ import annotations

from importlib import import_module

import pytest

from llm_hub.provider import LLMProvider
from llm_hub.providers.catalog import PROVIDERS


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_catalog_names_the_protocol_that_an_adapter_sends_on(name: str) -> None:
    spec = PROVIDERS[name]
    module, _, class_name = spec.adapter.partition(":")
    adapter: type[LLMProvider] = getattr(import_module(f"llm_hub.providers.{module}"), class_name)
    assert spec.protocols[:1] == ((adapter.protocol,) if adapter.protocol else ())
