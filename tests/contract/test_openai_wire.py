"""What servers write that speak OpenAI's protocol more or less: no word is lost, and nothing is made up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openai import AsyncOpenAI

from llm_hub.chat import (
    ChatRequest,
    Message,
    OriginalAnswer,
    OriginalRequest,
    ReasoningDelta,
    Role,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
)
from llm_hub.errors import (
    ContentRejected,
    EmptyAnswer,
    ProviderError,
    QuotaExhausted,
    ServerFailed,
    StreamBroken,
)
from tests.contract.case import KEY
from tests.contract.conftest import case_params
from tests.contract.test_answers import text_of
from tests.contract.test_tools import streamed
from tests.fault_server import answer_text
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_hub.chat import Event, LLMResponse
    from llm_hub.provider import LLMProvider
    from tests.fault_server import Exchange, FaultServer

pytestmark = pytest.mark.parametrize(
    "case", case_params(lambda case: case.label in ("compatible", "compatible-routed")), indirect=True
)

COUNTS = {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36}
PORT = {"port": "Ostend", "knots": 7}
SPEED = {"knots": 9}
DONE = b"data: [DONE]\n\n"


def chunk(delta: object = None, finish: object = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    return {
        "id": "tide-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "barge-7b",
        "choices": [choice],
    } | fields


def say(text: object, finish: object = None, **fields: Any) -> dict[str, Any]:
    return chunk({"content": text}, finish, **fields)


def call(*pieces: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return chunk({"tool_calls": list(pieces), **fields})


def piece(name: str | None, arguments: object, **fields: Any) -> dict[str, Any]:
    """A piece of a call. `name` None: the piece has none."""
    return {**fields, "function": {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}}


def whole(message: dict[str, Any], finish: str | None = "stop", **fields: Any) -> dict[str, Any]:
    """An answer that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "tide-2", "object": "chat.completion", "model": "barge-7b", "choices": [choice], **fields}


def sse(*values: dict[str, Any]) -> bytes:
    """The objects as OpenAI writes them, without the end."""
    return b"".join(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n" for value in values)


async def hear(provider: LLMProvider, *pieces: bytes) -> tuple[list[Event], LLMResponse]:
    """The events and the answer of a server that writes these bytes."""
    request = ChatRequest((Message(Role.USER, dictation(pieces)),), MODEL)
    events = [event async for event in provider.events(request)]
    return events, events[-1].response  # type: ignore[union-attr]  # the last is Done


TIDE = (say("Low "), say("tide."))
TEXTS = {
    "no finish reason but the end": sse(*TIDE) + DONE,
    "an empty finish reason in every chunk": sse(say("Low ", ""), say("tide.", ""), chunk({}, "stop")) + DONE,
    "a finish reason in every chunk": sse(say("Low ", "stop"), say("tide.", "stop")) + DONE,
    "a finish reason, and null again": sse(say("Low "), say("tide.", "stop"), chunk({}, None)) + DONE,
    "text after the finish reason": sse(say("Low ", "stop"), say("tide.")) + DONE,
    "no end but a finish reason": sse(*TIDE, chunk({}, "stop")),
    "a finish reason in capitals": sse(*TIDE, chunk({}, "STOP")) + DONE,
    "another vendor's finish reason": sse(*TIDE, chunk({}, "eos")) + DONE,
    "a finish reason that is an object": sse(*TIDE, chunk({}, {"type": "stop", "matched": 7})) + DONE,
    "a finish reason under another name": sse(say("Low "), {
        "choices": [{"index": 0, "delta": {"content": "tide."}, "finish_reason": None, "finishReason": "stop"}]}),
    "Cohere's finish reason": sse(*TIDE, chunk({}, "COMPLETE")) + DONE,
    "parts": sse(say([{"type": "text", "text": "Low "}]), say([{"type": "text", "text": "tide."}], "stop")) + DONE,
    "several parts, and text as one": sse(say(["Low ", {"type": "text", "text": "tide."}], "stop")) + DONE,
    "one part without a list": sse(say({"type": "text", "text": "Low tide."}, "stop")) + DONE,
    "messages instead of deltas": sse(whole({"content": "Low "}, None), whole({"content": "tide."})) + DONE,
    "the whole message again at the end": sse(*TIDE, whole({"content": "Low tide."})) + DONE,
    "the older completions": sse(
        {"model": "barge-7b", "choices": [{"index": 0, "text": "Low ", "finish_reason": None}]},
        {"model": "barge-7b", "choices": [{"index": 0, "text": "tide.", "finish_reason": "stop"}]},
    ) + DONE,
    "a document": json.dumps(whole({"content": "Low tide."})).encode(),
    "a document over several lines": json.dumps(whole({"content": "Low tide."}), indent=2).encode(),
    "a document without a finish reason": json.dumps(whole({"content": "Low tide."}, None)).encode(),
    "a document as an event": sse(whole({"content": "Low tide."})),
    "lines of JSON": b"".join(json.dumps(value).encode() + b"\n" for value in (*TIDE, chunk({}, "stop"))),
    "errors that are null": sse(*(value | {"error": None} for value in TIDE)) + DONE,
    "an end with a space": sse(*TIDE) + b"data: [DONE] \n\n",
    "an end in quotes": sse(*TIDE) + b'data: "[DONE]"\n\n',
    "an end without brackets": sse(*TIDE, chunk({}, "stop")) + b"data: done\n\n",
    "signs of life": b"data:\n\ndata: \n\n" + sse(TIDE[0]) + b'data: {"type": "ping"}\n\n' + sse(TIDE[1]) + DONE,
    "a document after white space": b"\n      \n   " + json.dumps(whole({"content": "Low tide."})).encode() + b"\n",
    "the whole message so far beside each delta": sse(
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Low "}, "message": {"content": "Low "}}]},
        {"choices": [{"index": 0, "delta": {"content": "tide."}, "message": {"content": "Low tide."},
                      "finish_reason": "stop"}]},
    ) + DONE,
    "two choices": sse(
        say("Low "),
        {"choices": [{"index": 1, "delta": {"content": "High "}, "finish_reason": "length"}]},
        say("tide.", "stop"),
    ) + DONE,
    "choices that count from 1": sse(
        {"choices": [{"index": 1, "delta": {"content": "Low tide."}, "finish_reason": "stop"}]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("dress", TEXTS)
async def test_text_is_the_same_in_every_dress(provider: LLMProvider, dress: str) -> None:
    events, response = await hear(provider, TEXTS[dress])
    assert text_of(events) == response.content == "Low tide."
    assert (response.finish_reason, response.tool_calls, response.reasoning) == ("stop", (), "")


def halves(field: str) -> bytes:
    """An emoji that the server has escaped in two halves, of which each chunk has one."""
    texts = (r"a \ud83d", r"\ude00 b\\", r"\"\ud83d", r"\ude00")
    chunks = (json.dumps(chunk({field: "TEXT"})).replace("TEXT", text) for text in texts)
    lines = "".join(f"data: {written}\n\n: a sign of life\n\n" for written in chunks)
    return lines.encode() + sse(say("", "stop")) + DONE


async def test_an_emoji_that_is_cut_in_its_middle_is_whole(provider: LLMProvider) -> None:
    assert (await hear(provider, halves("content")))[1].content == 'a 😀 b\\"😀'
    written = halves("reasoning_content").replace(b'"content": ""', b'"content": "Low."')
    assert (await hear(provider, written))[1].reasoning == 'a 😀 b\\"😀'


async def test_another_answer_beside_the_first_is_named_in_a_note(provider: LLMProvider) -> None:
    assert (await hear(provider, TEXTS["two choices"]))[1].notes
    assert not (await hear(provider, TEXTS["choices that count from 1"]))[1].notes


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        pytest.param(sse(*TIDE), StreamBroken, id="neither an end nor a finish reason"),
        pytest.param(sse(say("Low ", ""), say("tide.", "")), StreamBroken, id="no end and an empty finish reason"),
        pytest.param(sse(chunk()) + DONE, EmptyAnswer, id="an end alone"),
        pytest.param(b'{"detail": "no berth free"}', ServerFailed, id="an error without a name"),
        pytest.param(sse(*TIDE) + b'{"error": {"message": "ran aground", "code": 500}}\n', ServerFailed, id="no event"),
        pytest.param(b'{"error": {"message": "no coal", "code": 402}}', QuotaExhausted, id="a document"),
        pytest.param(b'[{"error": {"message": "no coal", "code": 402}}]', ProviderError, id="a list"),
        pytest.param(
            sse(*TIDE, chunk({"error": {"message": "no coal", "code": 402}}, "stop")) + DONE,
            QuotaExhausted,
            id="in a delta",
        ),
    ],
)
async def test_what_is_no_answer_is_an_error(provider: LLMProvider, written: bytes, kind: type[ProviderError]) -> None:
    with pytest.raises(kind):
        await hear(provider, written)


@pytest.mark.parametrize(
    "reason", ["insufficient_system_resource", "network_error", "abort", "MALFORMED_FUNCTION_CALL"]
)
async def test_a_finish_reason_that_tells_of_a_failure_is_one(provider: LLMProvider, reason: str) -> None:
    with pytest.raises(StreamBroken, match=reason):
        await hear(provider, sse(*TIDE, chunk({}, reason)) + DONE)


@pytest.mark.parametrize("reason", ["content_filter: RECITATION", "SAFETY", "PROHIBITED_CONTENT", "sensitive"])
@pytest.mark.parametrize("texts", [TIDE, ()])
async def test_an_answer_that_a_filter_ends_is_refused_in_any_vendors_word(
    provider: LLMProvider, texts: tuple[dict[str, Any], ...], reason: str
) -> None:
    with pytest.raises(ContentRejected):
        await hear(provider, sse(*texts, {"choices": [{"index": 0, "finish_reason": reason}]}) + DONE)


@pytest.mark.parametrize(
    "choice", [{"finish_reason": {"type": "length", "length": 5}}, {"finishReason": "length"}], ids=["object", "name"]
)
async def test_an_answer_that_the_limit_ends_is_not_complete_in_any_dress(
    provider: LLMProvider, choice: dict[str, Any]
) -> None:
    _, response = await hear(provider, sse(*TIDE, {"choices": [{"index": 0, "delta": {}, **choice}]}) + DONE)
    assert response.finish_reason == "length"


async def test_a_finish_reason_that_nobody_knows_is_named_in_a_note(provider: LLMProvider) -> None:
    _, response = await hear(provider, sse(*TIDE, chunk({}, "repetition_truncation")) + DONE)
    assert "repetition_truncation" in response.notes[0]
    assert response.finish_reason == "repetition_truncation"


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(sse(TIDE[0], chunk({}, None, x_groq={"id": "r", "error": "ran aground"})), id="groq"),
        pytest.param(sse({"type": "response.failed", "response": {"error": {"message": "ran aground"}}}), id="nested"),
        pytest.param(
            sse(TIDE[0]) + b'error: {"code": 500, "message": "ran aground", "type": "server_error"}\n\n', id="a field"
        ),
    ],
)
async def test_a_failure_is_told_in_the_servers_words_wherever_they_stand(
    provider: LLMProvider, written: bytes
) -> None:
    with pytest.raises(ServerFailed) as caught:
        await hear(provider, written + DONE)
    assert caught.value.detail == "ran aground"


@pytest.mark.parametrize("reason", ["late-usage", "late-text"])
async def test_what_comes_seconds_after_the_finish_reason_is_read(provider: LLMProvider, reason: str) -> None:
    response = await provider.complete("Hello?", f"{reason}?after=4")
    assert response.content == answer_text()
    assert response.usage["completion_tokens"] == 20


@pytest.mark.parametrize("model", ["no-done", "no-done?usage=no", "pings@done"])
async def test_a_server_that_never_closes_holds_nobody_long(provider: LLMProvider, model: str) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await provider.complete("Hello?", model)).content == answer_text()
    assert loop.time() - began < 6


THOUGHTS = {
    "twice": ({"reasoning": "Low water.", "reasoning_content": "Low water."},),
    "details alone": ({"reasoning_details": [{"type": "reasoning.text", "text": "Low water.", "index": 0}]},),
    "details too": (
        {"reasoning": "Low ", "reasoning_details": [{"type": "reasoning.text", "text": "Low ", "index": 0}]},
        {"reasoning": "water.", "reasoning_details": [{"type": "reasoning.text", "text": "water.", "index": 0}]},
    ),
    "parts": (
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Low "}]}]},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "water."}]}]},
    ),
    "an object": ({"reasoning": {"content": "Low water."}},),
}  # fmt: skip


@pytest.mark.parametrize("dress", THOUGHTS)
async def test_reasoning_comes_once_in_every_dress(provider: LLMProvider, dress: str) -> None:
    events, response = await hear(provider, sse(*map(chunk, THOUGHTS[dress]), *TIDE, chunk({}, "stop")) + DONE)
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == "Low water."
    assert (response.reasoning, response.content) == ("Low water.", "Low tide.")


TWO = json.dumps(PORT), json.dumps(SPEED)
CALLS: dict[str, Sequence[dict[str, Any]]] = {
    "whole, one a chunk, bare": [call(piece("berth", TWO[0])), call(piece("berth", TWO[1]))],
    "whole, in one chunk, bare": [call(piece("berth", TWO[0]), piece("berth", TWO[1]))],
    "whole, all with index 0": [call(piece("berth", TWO[0], index=0)), call(piece("berth", TWO[1], index=0))],
    "whole, all with one id": [call(piece("berth", TWO[0], id="x", index=0), piece("berth", TWO[1], id="x", index=1))],
    "by id, in turns": [
        call(piece("berth", "", id="x")), call(piece("berth", "", id="y")),
        call(piece(None, TWO[0][:9], id="x")), call(piece(None, TWO[1][:4], id="y")),
        call(piece(None, TWO[0][9:], id="x")), call(piece(None, TWO[1][4:], id="y")),
    ],
    "by place, bare": [
        call(piece("berth", ""), piece("berth", "")), call(piece(None, TWO[0]), piece(None, TWO[1])),
    ],
    "late names": [
        call(piece("", TWO[0][:5], index=0, id="x"), piece(None, "", index=1, id="y")),
        call(piece(None, TWO[0][5:], index=0), piece(None, TWO[1], index=1)),
        call(piece("berth", "", index=0), piece("berth", "", index=1)),
    ],
    "names in every piece": [
        call(piece("berth", text, index=number, id=f"id{number}"))
        for number, arguments in enumerate(TWO) for text in (arguments[:3], arguments[3:], "")
    ],
    "names in pieces": [
        call(piece(part, arguments, index=number, **({"id": f"id{number}"} if part == "be" else {})))
        for number, whole_arguments in enumerate(TWO)
        for part, arguments in (("be", ""), ("rth", ""), (None, whole_arguments))
    ],
    "arguments as objects": [call(piece("berth", PORT, index=0), piece("berth", SPEED, index=1))],
    "arguments by another name": [
        call({"index": number, "function": {"name": "berth", "parameters": arguments}})
        for number, arguments in enumerate((PORT, SPEED))
    ],
    "arguments encoded twice": [
        call(piece("berth", json.dumps(TWO[0])[:5], index=0)), call(piece(None, json.dumps(TWO[0])[5:], index=0)),
        call(piece("berth", json.dumps(TWO[1]), index=1)),
    ],
    "an empty object first": [
        call(piece("berth", "{}", index=0, id="x")), call(piece(None, TWO[0], index=0)),
        call(piece("berth", {}, index=1, id="y")), call(piece("berth", TWO[1], index=1, id="y")),
    ],
    "the whole arguments once more at the end": [
        call(piece("berth", "", index=0, id="x")), call(piece(None, TWO[0][:7], index=0)),
        call(piece(None, TWO[0][7:], index=0)), call(piece(None, TWO[0], index=0)),
        call(piece("berth", "", index=1, id="y")), call(piece(None, TWO[1], index=1)),
        call(piece(None, TWO[1], index=1, id=None)),
    ],
    "one call instead of a list": [
        chunk({"tool_calls": piece("berth", TWO[0], index=0)}), chunk({"tool_calls": piece("berth", TWO[1], index=1)}),
    ],
    "without what is around a function": [
        call({"index": number, "id": f"id{number}", "name": "berth", "arguments": arguments})
        for number, arguments in enumerate((PORT, TWO[1]))
    ],
    "a null first": [
        call(piece("berth", None, index=0), piece("berth", None, index=1)),
        call({"index": 0, "function": {"name": None, "arguments": TWO[0]}}), call(piece(None, TWO[1], index=1)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "tool_use", None])
@pytest.mark.parametrize("dress", CALLS)
async def test_two_calls_are_two_calls_in_every_dress(provider: LLMProvider, dress: str, finish: str | None) -> None:
    events, response = await hear(provider, sse(*CALLS[dress], chunk({}, finish)) + DONE)
    assert [call.name for call in response.tool_calls] == ["berth", "berth"]
    assert [json.loads(call.arguments) for call in response.tool_calls] == [PORT, SPEED]
    assert len({call.id for call in response.tool_calls}) == 2
    assert streamed(events) == [(call.id, call.name, call.arguments) for call in response.tool_calls]
    assert response.finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(sse(call(piece("berth", TWO[0], index=0)), chunk({}, "function_call")) + DONE, id="numbered"),
        pytest.param(
            sse(chunk({"function_call": {"name": "berth", "arguments": ""}}),
                chunk({"function_call": {"arguments": TWO[0]}}), chunk({}, "function_call")) + DONE,
            id="the older way",
        ),
        pytest.param(
            json.dumps(whole({"content": None, "tool_calls": [piece("berth", TWO[0], id="x")]}, "tool_calls")).encode(),
            id="a document",
        ),
    ],
)  # fmt: skip
async def test_one_call_is_one_call(provider: LLMProvider, written: bytes) -> None:
    _, response = await hear(provider, written)
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [("berth", PORT)]
    assert response.finish_reason == "tool_calls"


@pytest.mark.parametrize("arguments", [TWO[0][:-4], "[7]", '"Ostend"', "Ostend", TWO[0] + TWO[1]])
async def test_a_call_whose_arguments_are_no_object_fails(provider: LLMProvider, arguments: str) -> None:
    with pytest.raises(StreamBroken) as caught:
        await hear(provider, sse(call(piece("berth", arguments, index=0)), chunk({}, "tool_calls")) + DONE)
    assert caught.value.retryable


async def test_a_call_that_nobody_is_named_in_fails(provider: LLMProvider) -> None:
    with pytest.raises(StreamBroken):
        await hear(provider, sse(call(piece(None, "{}", index=0, id="x")), chunk({}, "tool_calls")) + DONE)


async def test_a_call_that_the_limit_cuts_off_is_left_out_and_a_note_says_so(provider: LLMProvider) -> None:
    written = sse(*TIDE, call(piece("berth", TWO[0], index=0), piece("berth", '{"kn', index=1)), chunk({}, "length"))
    _, response = await hear(provider, written + DONE)
    assert [json.loads(call.arguments) for call in response.tool_calls] == [PORT]
    assert response.finish_reason == "length"
    assert "berth was cut off" in response.notes[0]


async def test_the_vendors_own_fields_of_a_call_stay_with_it(provider: LLMProvider) -> None:
    seal = {"extra_content": {"google": {"thought_signature": "c2VhbA=="}}}
    events, response = await hear(provider, sse(call(piece("berth", TWO[0], index=0, type="function", **seal))) + DONE)
    assert response.tool_calls[0].extra == seal
    assert [event.extra for event in events if hasattr(event, "extra")] == [seal]


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGFyYm91cg=="}}


@pytest.mark.parametrize(
    ("chunks", "original"),
    [
        pytest.param(
            [say("Low tide.", citations=["https://a.example"]), chunk({}, "stop", citations=["https://a.example"])],
            {"citations": ["https://a.example"]},
            id="citations in every chunk",
        ),
        pytest.param(
            [say("Low ", "stop", thread="t", seen={"by": "us"}), say("tide.", "stop", thread="t", seen={"by": "us"})],
            {"thread": "t", "seen": {"by": "us"}},
            id="words in every chunk",
        ),
        pytest.param(
            [chunk({"content": text, "annotations": [{"n": 1, "of": "x"}]}) for text in ("Low ", "tide.")],
            {"message": {"annotations": [{"n": 1, "of": "x"}]}},
            id="annotations in every chunk",
        ),
        pytest.param(
            [say("Low tide."), chunk({"annotations": [{"n": 1}]}), chunk({"annotations": [{"n": 2}]}, "stop")],
            {"message": {"annotations": [{"n": 1}, {"n": 2}]}},
            id="annotations one after the other",
        ),
        pytest.param(
            [
                chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "Low "}]}),
                chunk({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "water", "signature": "s"}],
                       "role": "assistant"}),
                say("Low tide.", "stop"),
            ],
            {"message": {"reasoning_details": [
                {"type": "reasoning.text", "index": 0, "text": "Low water", "signature": "s"}]}},
            id="details of the reasoning",
        ),
        pytest.param(
            [chunk({"audio": {"id": "a"}}), chunk({"audio": {"data": "AA"}}), chunk({"audio": {"data": "BB"}}, "stop")],
            {"message": {"audio": {"id": "a", "data": "AABB"}}},
            id="sound alone",
        ),
        pytest.param([say([IMAGE], "stop")], {"message": {"images": [IMAGE]}}, id="an image alone"),
        pytest.param(
            [say([{"type": "text", "text": "Low tide."}, {"type": "reference", "reference_ids": [1]}], "stop")],
            {"message": {"content_parts": [{"type": "reference", "reference_ids": [1]}]}},
            id="a part that nobody knows",
        ),
        pytest.param(
            [say("Low tide.", "stop", system_fingerprint="f", service_tier="default", usage=None)], None, id="nothing"
        ),
    ],
)  # fmt: skip
async def test_what_the_hub_has_no_word_for_is_in_the_vendors_own_shape(
    provider: LLMProvider, chunks: list[dict[str, Any]], original: dict[str, Any] | None
) -> None:
    _, response = await hear(provider, sse(*chunks) + DONE)
    assert response.original == (None if original is None else OriginalAnswer("openai", original))


@pytest.mark.parametrize(
    "written",
    [
        sse(*TIDE, chunk({}, "stop", usage=COUNTS)),
        sse(*TIDE, chunk({}, "stop"), {"choices": [], "usage": COUNTS}),
        sse(*TIDE, chunk({}, "stop"), {"choices": [], "x_groq": {"usage": COUNTS}}),
        sse(*TIDE, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": COUNTS}]}),
        sse(say("Low ", usage=COUNTS | {"completion_tokens": 1}), say("tide.", "stop", usage=COUNTS)),
        sse(*TIDE, chunk({}, "stop", usage=COUNTS), {"choices": [], "usage": None}),
        sse(*TIDE, chunk({}, "stop", usage={name: str(count) for name, count in COUNTS.items()})),
        sse(*TIDE, chunk({}, "stop", usage={"promptTokens": 31, "completionTokens": 5, "totalTokens": 36})),
        sse(
            *TIDE,
            chunk({}, "stop", usageMetadata={"promptTokenCount": 31, "candidatesTokenCount": 5, "totalTokenCount": 36}),
        ),
        sse(
            say("Low ", timings={"prompt_n": 1, "cache_n": 30, "predicted_n": 2}),
            say("tide.", "stop", timings={"prompt_n": 1, "cache_n": 30, "predicted_n": 5}),
        ),
    ],
    ids=[
        "with the reason",
        "after it",
        "groq",
        "in a choice",
        "in every chunk",
        "and null",
        "as texts",
        "in camel case",
        "Gemini's",
        "timings",
    ],
)
async def test_tokens_are_counted_wherever_they_stand(provider: LLMProvider, written: bytes) -> None:
    _, response = await hear(provider, written + DONE)
    assert {name: response.usage.get(name) for name in COUNTS} == COUNTS
    assert "reasoning_tokens" not in response.usage
    assert response.usage.get("cached_tokens") in (None, 30)


CACHED = {"prompt_tokens_details": {"cached_tokens": 30}, "completion_tokens_details": {"reasoning_tokens": 2}}
NOTHING = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
NOTHING_CACHED = {"prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}}


@pytest.mark.parametrize(
    "reported",
    [
        pytest.param([COUNTS | CACHED, NOTHING | NOTHING_CACHED], id="and nothing"),
        pytest.param(
            [{"prompt_tokens": 31, "completion_tokens": 1, "total_tokens": 32} | CACHED, {"completion_tokens": 5}],
            id="the answer alone",
        ),
        pytest.param([{name: float(count) for name, count in COUNTS.items()} | CACHED], id="with a point"),
    ],
)
async def test_what_has_been_counted_is_not_taken_back(provider: LLMProvider, reported: list[dict[str, Any]]) -> None:
    chunks = [{"choices": [], "usage": usage} for usage in reported]
    _, response = await hear(provider, sse(*TIDE, chunk({}, "stop"), *chunks) + DONE)
    assert response.usage == COUNTS | {"cached_tokens": 30, "reasoning_tokens": 2}


@pytest.mark.parametrize("dress", [*TEXTS, *CALLS])
async def test_the_hub_reads_what_openais_own_client_reads(
    provider: LLMProvider, fault_server: FaultServer, dress: str
) -> None:
    """Where that client makes something else of the bytes, the hub's tests above say what they mean."""
    written = TEXTS[dress] if dress in TEXTS else sse(*CALLS[dress], chunk({}, "stop")) + DONE
    async with AsyncOpenAI(api_key=KEY, base_url=fault_server.openai_url, max_retries=0) as client:
        text, arguments = "", dict[tuple[int, str], str]()
        try:
            turn: Any = {"role": "user", "content": dictation([written])}
            async for part in await client.chat.completions.create(messages=[turn], model=MODEL, stream=True):
                for choice in part.choices if part.choices[0].index == 0 else ():
                    text += choice.delta.content or ""
                    for fragment in choice.delta.tool_calls or ():
                        place = fragment.index, ""
                        arguments[place] = arguments.get(place, "") + (fragment.function.arguments or "")  # type: ignore[union-attr]  # every piece has one
            read = [json.loads(value) for value in arguments.values()]
        except Exception:  # noqa: BLE001  # it cannot read this
            return
    if not (text or arguments) or not all(isinstance(value, dict) for value in read):
        return
    _, response = await hear(provider, written)
    assert response.content == text
    assert [json.loads(call.arguments) for call in response.tool_calls] == read


OWN_BODY: dict[str, Any] = {
    "model": "hub/name",
    "models": ["hub/other"],
    "stream": False,
    "messages": [
        {
            "role": "user",
            "name": "ada",
            "content": [{"type": "text", "text": "Where?", "cache_control": {"type": "x"}}],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "The pier.",
            "tool_calls": [
                {
                    "id": "x",
                    "type": "function",
                    "function": {"name": "berth", "arguments": "{}"},
                    "extra_content": {"s": 1},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "x", "content": "7"},
    ],
    "tools": [{"type": "function", "function": {"name": "berth"}, "cache_control": {"type": "x"}}],
    "max_tokens": 5000,
    "temperature": 0.5,
    "top_k": 20,
    "chat_template_kwargs": {"enable_thinking": False},
    "user": None,
}


def own_request(model: str) -> ChatRequest:
    """The request of a client that speaks OpenAI's protocol, as an API's dialect makes it."""
    call = ToolCall("x", "berth", "{}")
    turns = (
        Message(Role.USER, "Where?"),
        Message(Role.ASSISTANT, (call,)),
        Message(Role.TOOL, (ToolResult("x", "7"),)),
    )
    return ChatRequest(
        turns,
        model,
        temperature=0.5,
        max_tokens=64,
        tools=(Tool("berth"),),
        original=OriginalRequest("openai", OWN_BODY, len(turns)),
    )


async def complete(provider: LLMProvider, request: ChatRequest) -> LLMResponse:
    return [event async for event in provider.events(request)][-1].response  # type: ignore[union-attr]  # as above


async def test_a_clients_own_request_goes_on_as_it_came(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    await complete(provider, own_request("ok"))
    kept = {
        name: OWN_BODY[name] for name in ("messages", "tools", "temperature", "top_k", "user", "chat_template_kwargs")
    }
    own = {"model": "ok", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": 64}
    assert chats()[0].body == kept | own


async def test_what_the_hub_adds_and_changes_holds(provider: LLMProvider, chats: Callable[[], list[Exchange]]) -> None:
    request = own_request("ok")
    more = (Message(Role.ASSISTANT, "At pier"), Message(Role.USER, "Go on."))
    await complete(provider, replace(request, messages=(*request.messages, *more), max_tokens=32))
    body = chats()[0].body
    assert body["messages"][:3] == OWN_BODY["messages"]
    assert [turn["content"] for turn in body["messages"][3:]] == ["At pier", "Go on."]
    assert (body["max_tokens"], body["tools"], body["temperature"]) == (32, OWN_BODY["tools"], OWN_BODY["temperature"])


async def test_a_request_in_another_protocols_words_is_written_anew(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    request = own_request("ok")
    await complete(provider, replace(request, original=OriginalRequest("anthropic", OWN_BODY, 3)))
    await complete(provider, replace(request, original=None))
    first, second = (exchange.body for exchange in chats())
    assert first == second
    assert "top_k" not in first


@pytest.mark.parametrize("field", ["top_k", "reasoning_content", "extra_content", "name"])
async def test_a_field_that_the_vendor_refuses_is_left_out_and_named(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], field: str
) -> None:
    for number in range(3):
        response = await complete(provider, own_request(f"param-{field}"))
        assert response.content == answer_text()
        assert response.ignored == (field,)
        assert len(chats()) <= (2, 4, 5)[number]
    assert field not in json.dumps(chats()[-1].body["messages"]) or field == "name"


async def test_a_field_that_the_refusal_is_not_about_teaches_nothing(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    with pytest.raises(ProviderError):
        await complete(provider, own_request("param-tools"))
    assert (await complete(provider, own_request("ok"))).ignored == ()
    assert len(chats()) == 2


words = st.text('aé😀 "\\{}[]<,:\n\u2028', min_size=1, max_size=12)
objects = st.dictionaries(words, words | st.integers(-9, 9) | st.just({"a": ["}"]}), max_size=3)


@st.composite
def dressed_answers(draw: st.DrawFn) -> tuple[str, str, list[dict[str, Any]], list[bytes]]:
    """Reasoning, text, the arguments of calls, and a stream that says them in any dress, cut anywhere."""
    thoughts, texts = draw(st.lists(words, max_size=2)), draw(st.lists(words, max_size=3))
    arguments = draw(st.lists(objects, max_size=3))
    say_all: dict[str, Callable[[str], Any]] = {
        "text": lambda text: text,
        "part": lambda text: {"type": "text", "text": text},
        "parts": lambda text: [{"type": "text", "text": text}],
    }
    field = draw(st.sampled_from(["reasoning", "reasoning_content", "both", "parts"]))
    content = say_all[draw(st.sampled_from(sorted(say_all)))]
    chunks = [
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]} if field == "parts"
        else {"reasoning": text, "reasoning_content": text} if field == "both" else {field: text}
        for text in thoughts
    ]  # fmt: skip
    chunks += [{"content": content(text)} for text in texts]
    numbering = draw(st.sampled_from(["numbers", "ids", "both", "bare", "zero"]))
    for number, value in enumerate(arguments):
        own: dict[str, Any] = (
            {"index": number} if numbering in ("numbers", "both") else {"index": 0} if numbering == "zero" else {}
        )
        own |= {"id": f"id{number}"} if numbering in ("ids", "both") else {}
        text = json.dumps(value, ensure_ascii=False)
        kind = draw(st.sampled_from(["pieces", "object", "twice", "name late", "named pieces"]))
        cut = draw(st.integers(1, len(text) - 1))
        if kind in ("object", "twice") or numbering in ("bare", "zero"):
            pieces = [piece("berth", value if kind == "object" else json.dumps(text) if kind == "twice" else text)]
        elif kind == "name late":
            pieces = [piece("", text[:cut]), piece("berth", text[cut:])]
        else:
            again = "berth" if kind == "named pieces" else None
            pieces = [piece("berth", text[:cut]), piece(again, text[cut:])]
        chunks += [{"tool_calls": [own | one]} for one in pieces]
    noise = draw(st.sampled_from([None, ""]))
    values = [chunk(delta, noise) for delta in chunks]
    ending = draw(st.sampled_from(["reason", "end", "both"]))
    values += [chunk({}, "stop")] if ending != "end" else []
    written = sse(*values) + (DONE if ending != "reason" else b"")
    if draw(st.booleans()):
        written = written.replace(b"\n", b"\r\n")
    cuts = sorted(draw(st.sets(st.integers(0, len(written)), max_size=5)))
    pieces_ = [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    return "".join(thoughts), "".join(texts), arguments, [cut for cut in pieces_ if cut]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=dressed_answers())
async def test_any_answer_is_the_same_in_any_dress_and_cut_anywhere(
    provider: LLMProvider, answer: tuple[str, str, list[dict[str, Any]], list[bytes]]
) -> None:
    thought, text, arguments, pieces = answer
    if not (text.strip() or arguments):
        return
    events, response = await hear(provider, *pieces)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).strip() == text.strip()
    assert response.content.strip() == text.strip()
    assert response.reasoning == thought
    assert [json.loads(call.arguments) for call in response.tool_calls] == arguments
    assert [json.loads(call[2]) for call in streamed(events)] == arguments
