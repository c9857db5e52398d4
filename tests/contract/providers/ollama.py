"""Ollama."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.chat import Tool
from llm_hub.errors import InvalidRequest, RateLimited
from llm_hub.providers.ollama import OllamaProvider
from tests.contract.case import Case

if TYPE_CHECKING:
    from tests.fault_server import FaultServer


def _build(fault_server: FaultServer, **options: Any) -> OllamaProvider:
    return OllamaProvider(**{"base_url": fault_server.ollama_url, "default_model": "ok", **options})


CASES = [
    Case(
        name="ollama",
        label="ollama",
        chat="/api/chat",
        build=_build,
        keyed=False,
        lacks=frozenset(
            {
                "refusal",
                "content-filter",
                "error-event?shape=vllm",
                "error-event?shape=openrouter",
                "error-event?shape=bare",
                "error-event?shape=text",
                "error-event?code=rate_limit_error",
                "no-done",
                "no-done?then=close",
                "choices-null",
                "nospace",
                "multiline-data",
                "bom",
                "finish-twice",
                "close@done",
                "cut@done",
                "stall@done",
                "pings@done",
                "no-end-blank",
            }
        ),
        # It has no codes: its words for these are those for any bad request.
        differs={"policy": InvalidRequest, "quota": RateLimited},
        reasoning=("reasoning", "reasoning?field=think-tag"),
        declines=frozenset({"one call at a time", "any tool", "one tool"}),
        spares={
            "ok?can=tools": ({"effort": "low"}, ("effort",)),
            "ok?levels=none": ({"effort": "high"}, ("effort",)),
            "ok": ({"effort": "xhigh"}, ("effort",)),
            "ok?calls=1": ({"tools": (Tool("a", strict=True),)}, ("strict",)),
        },
        cannot={"ok?can=thinking": "tools"},
        environment={"OLLAMA_HOST": "leaked:9", "OLLAMA_API_KEY": "leaked"},
        images=lambda body: [("", image) for image in body["messages"][-1]["images"]],
        limit=lambda body: body["options"]["num_predict"],
        temperature=lambda body: body["options"]["temperature"],
    )
]
