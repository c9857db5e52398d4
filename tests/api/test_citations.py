"""Web pages that an answer cites, for clients of another protocol than the one that it came in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI

from tests.api.test_carried_state import _compatible_server  # noqa: F401  # a fixture of this module, too
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from tests.api.conftest import Api

TEXT = "See: High water at noon."
PAGE = {"url": "https://tides.test/six", "title": "Tides", "start_index": 5, "end_index": len(TEXT)}


def _completion() -> bytes:
    annotation = {"type": "url_citation", "url_citation": PAGE}
    message = {"role": "assistant", "content": TEXT, "annotations": [annotation]}
    return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


def _message() -> bytes:
    citation = {"type": "web_search_result_location", "url": PAGE["url"], "title": "Tides", "cited_text": "noon",
        "encrypted_index": "x"}  # fmt: skip
    content = [{"type": "text", "text": TEXT[:5]}, {"type": "text", "text": TEXT[5:], "citations": [citation]}]
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-tug", "content": content,
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 4}}  # fmt: skip
    return f"event: message\ndata: {json.dumps(message)}\n\n".encode()


ANSWERS = {f"compat/{MODEL}": _completion(), f"anthropic/{MODEL}": _message()}


@pytest.mark.parametrize("model", ANSWERS)
async def test_a_client_of_responses_gets_them_as_annotations(api: Api, model: str) -> None:
    prompt = dictation([ANSWERS[model]])
    expected = [{"type": "url_citation", **PAGE}]
    async with AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client:
        async with client.responses.stream(model=model, input=prompt) as stream:
            added = [e.to_dict() async for e in stream if e.type == "response.output_text.annotation.added"]
            streamed: Any = (await stream.get_final_response()).to_dict()
        whole: Any = (await client.responses.create(model=model, input=prompt)).to_dict()
    for answer in (streamed, whole):
        assert answer["output"][0]["content"][0]["annotations"] == expected
        assert answer["x_llm_hub"]["notes"] == []
    assert [event["annotation"] for event in added] == expected


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_of_chat_completions_gets_them_as_annotations(api: Api, stream: bool) -> None:
    model = f"anthropic/{MODEL}"
    body = {"model": model, "messages": [{"role": "user", "content": dictation([ANSWERS[model]])}], "stream": stream}
    reply = await api.client.post("/v1/chat/completions", json=body)
    expected = [{"type": "url_citation", "url_citation": PAGE}]
    if not stream:
        answer = reply.json()
        assert answer["choices"][0]["message"]["annotations"] == expected
        assert answer["x_llm_hub"]["notes"] == []
        return
    chunks = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: {")]
    assert [c["choices"][0]["delta"].get("annotations") for c in chunks if c["choices"]][-1] == expected
