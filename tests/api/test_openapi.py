"""The API against its own description: whatever schemathesis makes up is answered as it says, never with a 5xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
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

DESCRIPTION = description()
OPERATIONS = [f"{method.upper()} {path}" for path, methods in DESCRIPTION["paths"].items() for method in methods]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_generated_requests_are_answered_as_described(site: Site, operation: str) -> None:
    # As schemathesis' own decorator does, but these items have ids that differ (pytest-xdist runs one test for each
    # id), and requests are only made up where the test runs: in each of its processes that takes seconds.
    described = schemathesis.openapi.from_dict(DESCRIPTION)
    method, path = operation.split(" ")
    build_operation_test(
        config=described.config,
        operation=described[path][method],
        test_func=answer,
        given_kwargs={},
        feedback=FeedbackSources(),
    )(site=site)


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def answer(site: Site, case: schemathesis.Case[Any]) -> None:
    """Asks the site, and compares the answer with the description."""
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
