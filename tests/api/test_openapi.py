"""The API against its own description: whatever schemathesis makes up is answered as it says, never with a 5xx."""

from __future__ import annotations

import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from llm_hub.api.dialects.embeddings import EMBEDDINGS_DIALECT
from llm_hub.api.dialects.responses import RESPONSES
from llm_hub.api.openapi import description
from tests.api.conftest import Api
from tests.ui.site import Site

DESCRIBED = schemathesis.openapi.from_dict(description())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@DESCRIBED.parametrize()
@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests_are_answered_as_described(site: Site, case: schemathesis.Case[Any]) -> None:
    assume("\n" not in case.formatted_path.replace("%0A", "\n"))  # Starlette's routes know no line breaks
    assert case.meta is not None
    if isinstance(case.body, dict) and case.meta.generation.mode is GenerationMode.POSITIVE:
        # Made-up names and turns that ask for nothing would never get as far as an answer.
        case.body["model"] = "openai/ok"
        field = "input" if case.path == RESPONSES.path else "messages"
        if case.path != EMBEDDINGS_DIALECT.path:
            turns: Any = case.body[field]
            case.body[field] = [*(turns if isinstance(turns, list) else []), {"role": "user", "content": "Hello"}]
        if field == "input":
            case.body["previous_response_id"] = None
    case.call_and_validate(base_url=site.url, checks=CHECKS, timeout=30)


async def test_the_description_needs_a_key(api: Api, locked: Api) -> None:
    assert (await api.client.get("/v1/openapi.json")).json() == json.loads(json.dumps(description()))
    assert (await locked.client.get("/v1/openapi.json")).status_code == 401
