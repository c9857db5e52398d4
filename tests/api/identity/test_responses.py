"""Between a client and a provider that both speak Responses, a stream has the same events in the same order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI

from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api.conftest import Api

Event = dict[str, Any]
USAGE = {
    "input_tokens": 900, "input_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 0}, "output_tokens": 30,
    "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 930,
}  # fmt: skip
RESPONSE = {
    "id": "resp_1", "object": "response", "created_at": 1795000000, "status": "in_progress", "model": MODEL,
    "service_tier": "flex", "output": [], "usage": None, "error": None, "incomplete_details": None,
}  # fmt: skip


def likely(text: str) -> Event:
    return {"token": text, "logprob": -0.5, "bytes": [*text.encode()], "top_logprobs": []}


def part_events(item: Event, output_index: int, kind: str, index: int, texts: list[str], **more: Any) -> list[Event]:
    """The events of a part of an item, which are what the vendor sends of it. The part is put into the item."""
    field, part_name, text_name, number = {
        "output_text": ("content", "content_part", "output_text", "content_index"),
        "reasoning_text": ("content", "content_part", "reasoning_text", "content_index"),
        "summary_text": ("summary", "reasoning_summary_part", "reasoning_summary_text", "summary_index"),
    }[kind]
    place = {"item_id": item["id"], "output_index": output_index, number: index}
    is_said = kind == "output_text"
    told = [{"logprobs": [likely(text)]} if is_said else {} for text in texts]
    part = {"type": kind, "text": "".join(texts), **more}
    if is_said:
        part["logprobs"] = [likely(text) for text in texts]
    item[field] = [*item.get(field, []), part]
    begun = {**part, "text": "", **({"annotations": [], "logprobs": []} if is_said else {})}
    cited = [
        {"type": "response.output_text.annotation.added", **place, "annotation_index": at, "annotation": annotation}
        for at, annotation in enumerate(more.get("annotations", ()))
    ]
    done = {"logprobs": part["logprobs"]} if is_said else {}
    return [
        {"type": f"response.{part_name}.added", **place, "part": begun},
        *(
            {"type": f"response.{text_name}.delta", **place, "delta": text, **logprobs}
            for text, logprobs in zip(texts, told, strict=True)
        ),
        *cited,
        {"type": f"response.{text_name}.done", **place, "text": part["text"], **done},
        {"type": f"response.{part_name}.done", **place, "part": part},
    ]


def vendor_stream() -> Iterator[Event]:
    """A stream with all that an item can have more than one of."""
    thought: Event = {"id": "rs_1", "type": "reasoning", "summary": []}
    words: Event = {"id": "rs_2", "type": "reasoning", "summary": []}
    said: Event = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed",
        "phase": "final_answer", "content": []}  # fmt: skip
    page = {"type": "url_citation", "start_index": 0, "end_index": 4, "url": "https://tide.test", "title": "Tide"}
    parts: list[list[tuple[str, list[str], Event]]] = [
        [("summary_text", ["The moon", " first."], {}), ("summary_text", ["The tide, ", "then."], {})],
        [("reasoning_text", ["High ", "water."], {})],
        [("output_text", ["High", " high", " high"], {"annotations": [page]}),
            ("output_text", [" water", "."], {"annotations": []})],
    ]  # fmt: skip
    yield {"type": "response.created", "response": RESPONSE}
    for at, (item, given) in enumerate(zip((thought, words, said), parts, strict=True)):
        begun = {**item, "status": "in_progress"} if item is said else item
        yield {"type": "response.output_item.added", "output_index": at, "item": {**begun}}
        for index, (kind, texts, more) in enumerate(given):
            yield from part_events(item, at, kind, index, texts, **more)
        if item is thought:
            item["encrypted_content"] = "gAAAA"
        yield {"type": "response.output_item.done", "output_index": at, "item": item}
    end = {"status": "completed", "completed_at": 1795000007, "output": [thought, words, said], "usage": USAGE}
    yield {"type": "response.completed", "response": RESPONSE | end}


def dictated() -> tuple[list[Event], str]:
    """The events, and the prompt that asks for them."""
    stream = list(vendor_stream())
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(stream)]
    return stream, dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in numbered)


def told(stream: list[Event]) -> list[Event]:
    """The events between the response's own, without their numbers. Pieces of reasoning that came at once are one."""
    kept: list[Event] = []
    for event in stream:
        fields = {name: value for name, value in event.items() if name != "sequence_number"}
        last = kept[-1] if kept else {}
        if "delta" in fields and {**last, "delta": ""} == {**fields, "delta": ""}:
            last["delta"] += fields["delta"]
        elif fields["type"] not in ("response.created", "response.in_progress", "response.completed"):
            kept.append(fields)
    return kept


async def test_every_event_of_an_answer_is_the_vendors(api: Api) -> None:
    stream, prompt = dictated()
    body = {"model": f"openai/{MODEL}", "input": prompt, "stream": True, "top_logprobs": 0}
    reply = await api.client.post("/v1/responses", json=body)
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert told(events) == told(stream)
    final, given = events[-1]["response"], stream[-1]["response"]
    assert {name: final[name] for name in given.keys() - {"id", "model"}} == {
        name: given[name] for name in given.keys() - {"id", "model"}
    }
    assert events[0]["response"]["created_at"] == given["created_at"]


@pytest.mark.parametrize("stream", [True, False])
async def test_the_sdk_reads_the_same_parts_as_from_the_vendor(api: Api, stream: bool) -> None:
    given, prompt = dictated()
    async with AsyncOpenAI(api_key="any", base_url=f"{api.url}/v1", max_retries=0) as client:
        if stream:
            async with client.responses.stream(model=f"openai/{MODEL}", input=prompt) as events:
                answer: Any = await events.get_final_response()
        else:
            answer = await client.responses.create(model=f"openai/{MODEL}", input=prompt)
    assert answer.output_text == "High high high water."
    output = [item.to_dict(mode="json") for item in answer.output]
    for item in output:
        for part in item.get("content") or ():
            part.pop("parsed", None)
    assert output == given[-1]["response"]["output"]


def traced_stream() -> Iterator[Event]:
    """A stream whose events all have a field that the hub does not know, and events that it has no word for."""
    *events, end = vendor_stream()
    call: Event = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "tide", "arguments": "{}",
        "status": "completed", "rank": 1}  # fmt: skip
    search: Event = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"query": "tide"}}
    code: Event = {"id": "ci_1", "type": "code_interpreter_call", "status": "completed", "code": "1"}
    refused: Event = {"id": "msg_2", "type": "message", "role": "assistant", "status": "completed", "content": [
        {"type": "refusal", "refusal": "No.", "mood": "dry"}]}  # fmt: skip
    empty: Event = {"id": "msg_3", "type": "message", "role": "assistant", "status": "completed", "content": []}
    late: Event = {"id": "rs_3", "type": "reasoning", "summary": []}
    of_code = {"item_id": "ci_1", "output_index": 3}
    of_call, of_search = {"item_id": "fc_1", "output_index": 4}, {"item_id": "ws_1", "output_index": 5}
    of_refusal = {"item_id": "msg_2", "output_index": 6, "content_index": 0}
    events += [
        {"type": "response.output_item.added", "output_index": 3, "item": code},
        {"type": "response.code_interpreter_call_code.delta", **of_code, "delta": "1"},
        {"type": "response.code_interpreter_call_code.done", **of_code, "code": "1"},
        {"type": "response.output_item.done", "output_index": 3, "item": code},
        {"type": "response.output_item.added", "output_index": 4, "item": call | {
            "arguments": "", "status": "in_progress"}},
        {"type": "response.function_call_arguments.delta", **of_call, "delta": "{}"},
        {"type": "response.function_call_arguments.done", **of_call, "arguments": "{}", "name": "tide"},
        {"type": "response.output_item.done", "output_index": 4, "item": call},
        {"type": "response.output_item.added", "output_index": 5, "item": search},
        {"type": "response.web_search_call.searching", **of_search},
        {"type": "response.output_item.done", "output_index": 5, "item": search},
        {"type": "response.output_item.added", "output_index": 6, "item": refused},
        {"type": "response.content_part.added", **of_refusal, "part": refused["content"][0] | {"refusal": ""}},
        {"type": "response.refusal.delta", **of_refusal, "delta": "No."},
        {"type": "response.refusal.done", **of_refusal, "refusal": "No."},
        {"type": "response.content_part.done", **of_refusal, "part": refused["content"][0]},
        {"type": "response.output_item.done", "output_index": 6, "item": refused},
        {"type": "response.output_item.added", "output_index": 7, "item": empty},
        {"type": "response.output_item.done", "output_index": 7, "item": empty},
        {"type": "response.output_item.added", "output_index": 8, "item": {**late}},
        *part_events(late, 8, "summary_text", 0, ["Ebb."]),
        {"type": "response.output_item.done", "output_index": 8, "item": late},
    ]  # fmt: skip
    events.insert(1, {"type": "response.in_progress", "response": RESPONSE | {"tool_usage": {"tide": 1}}})
    output = [*end["response"]["output"], code, call, search, refused, empty, late]
    events.append(end | {"response": end["response"] | {"output": output, "tool_usage": {"tide": 1}}})
    for number, event in enumerate(events):
        parts = {"part": event["part"] | {"tone": number}} if "part" in event else {}
        yield event | parts | {"trace": number}


async def test_every_field_of_an_event_is_the_vendors(api: Api) -> None:
    given = list(traced_stream())
    prompt = dictation(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in given)
    tools = [{"type": "function", "name": "tide", "parameters": {}}]
    body = {"model": f"openai/{MODEL}", "input": prompt, "stream": True, "tools": tools}
    reply = await api.client.post("/v1/responses", json=body)
    events = [json.loads(line[6:]) for line in reply.text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in events] == [event["type"] for event in given]
    assert told(events) == told(given)
    assert [event["trace"] for event in events] == [event["trace"] for event in given]
    assert events[0]["response"]["service_tier"] == "flex"
    assert [event["response"].get("tool_usage") for event in (events[1], events[-1])] == [{"tide": 1}] * 2
    assert events[-1]["response"]["output"] == given[-1]["response"]["output"]
    assert "stream_events" not in events[-1]["response"]
