"""What servers write that speak Ollama's protocol more or less: no word is lost, and nothing is made up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.errors import EmptyAnswer, ProviderError, ServerFailed, StreamBroken
from tests.contract.conftest import case_params
from tests.contract.test_tools import streamed
from tests.fault_server.dictated import MODEL, dictation

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import Event, LLMResponse
    from llm_hub.provider import LLMProvider
    from tests.fault_server import Exchange

pytestmark = pytest.mark.parametrize("case", case_params(lambda case: case.name == "ollama"), indirect=True)

COUNTS = {"prompt_eval_count": 31, "eval_count": 5}
PORT = {"port": "Ostend", "knots": 7}


def line(message: object = None, **fields: Any) -> dict[str, Any]:
    return {"model": "barge:7b", "message": message or {"role": "assistant", "content": ""}, "done": False, **fields}


def say(text: object, **fields: Any) -> dict[str, Any]:
    return line({"role": "assistant", "content": text, **fields})


def call(*functions: dict[str, Any]) -> dict[str, Any]:
    return say("", tool_calls=[{"function": function} for function in functions])


END = line(done=True, done_reason="stop", **COUNTS)


def ndjson(*lines: dict[str, Any]) -> bytes:
    """The objects as Ollama writes them."""
    return b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in lines)


async def hear(provider: LLMProvider, *pieces: bytes) -> tuple[list[Event], LLMResponse]:
    """The events and the answer of a server that writes these bytes."""
    request = ChatRequest((Message(Role.USER, dictation(pieces)),), MODEL)
    events = [event async for event in provider.events(request)]
    return events, events[-1].response  # type: ignore[union-attr]  # the last is Done


TIDE = [say("Low "), say("tide"), END]
DRESSES = {
    "lines": ndjson(*TIDE),
    "no-last-line-break": ndjson(*TIDE).rstrip(),
    "one-line": ndjson(*TIDE).replace(b"\n", b""),
    "one-line-with-spaces": ndjson(*TIDE).replace(b"\n", b" "),
    "indented": b"".join(json.dumps(value, indent=2).encode() + b"\n" for value in TIDE),
    "indented-and-joined": b"".join(json.dumps(value, indent=2).encode() for value in TIDE),
    "reason-early": ndjson(say("Low ") | {"done_reason": "stop"}, say("tide"), END),
    "reason-empty": ndjson(*TIDE[:2], END | {"done_reason": ""}),
    "reason-null": ndjson(*TIDE[:2], END | {"done_reason": None}),
    "reason-load-after-text": ndjson(*TIDE[:2], END | {"done_reason": "load"}),
    "content-null": ndjson(say(None), *TIDE[:2], line({"content": None}, done=True, **COUNTS)),
    "message-null": ndjson(*TIDE[:2], END | {"message": None}),
    "text-in-the-last": ndjson(say("Low "), END | {"message": {"role": "assistant", "content": "tide"}}),
    "whole": ndjson(END | {"message": {"role": "assistant", "content": "Low tide"}}),
}


@pytest.mark.parametrize("name", DRESSES)
async def test_an_answer_ends_with_done(provider: LLMProvider, name: str) -> None:
    _, response = await hear(provider, DRESSES[name])
    assert response.content == "Low tide"
    assert response.usage == {"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36}


@pytest.mark.parametrize(
    "stream",
    [
        ndjson(*TIDE[:2]),
        ndjson(say("Low ") | {"done_reason": "stop"}, say("tide") | {"done_reason": "stop"}),
        ndjson(*TIDE)[:-20],
        ndjson(*TIDE[:2], END | {"done_reason": "error"}),
        ndjson(*TIDE[:2])[:-30] + b"\n" + ndjson(END),
        ndjson(call({"name": "tug", "arguments": PORT})),
        ndjson(call({"name": "tug", "arguments": json.dumps(PORT)[:-3]}), END),
        ndjson(call({"name": "", "arguments": PORT}), END),
        ndjson(call({"arguments": PORT}), END),
        ndjson(line({"tool_calls": [{}]}), END),
    ],
)
async def test_what_is_cut_or_has_no_name_is_no_answer(provider: LLMProvider, stream: bytes) -> None:
    with pytest.raises(StreamBroken) as caught:
        await hear(provider, stream)
    assert caught.value.falls_back


@pytest.mark.parametrize("reason", ["load", "unload"])
async def test_a_model_that_was_only_loaded_has_not_answered(provider: LLMProvider, reason: str) -> None:
    with pytest.raises(EmptyAnswer):
        await hear(provider, ndjson(END | {"done_reason": reason}))


ARGUMENTS = {"object": PORT, "text": json.dumps(PORT), "twice-encoded": json.dumps(json.dumps(PORT))}


@pytest.mark.parametrize("name", ARGUMENTS)
async def test_arguments_are_an_object_in_any_dress(provider: LLMProvider, name: str) -> None:
    stream = ndjson(call({"name": "tug", "arguments": ARGUMENTS[name]}), END)
    events, response = await hear(provider, stream)
    assert [(made.name, json.loads(made.arguments)) for made in response.tool_calls] == [("tug", PORT)]
    assert [json.loads(arguments) for _, _, arguments in streamed(events)] == [PORT]
    assert response.finish_reason == "tool_calls"


async def test_arguments_may_have_another_name(provider: LLMProvider) -> None:
    _, response = await hear(provider, ndjson(call({"name": "tug", "parameters": PORT}), END))
    assert json.loads(response.tool_calls[0].arguments) == PORT


async def test_a_call_may_lack_what_is_around_a_function(provider: LLMProvider) -> None:
    written = ndjson(say("", tool_calls=[{"id": "tug_1", "name": "tug", "arguments": PORT}]), END)
    _, response = await hear(provider, written)
    assert [(made.id, made.name, made.decoded()) for made in response.tool_calls] == [("tug_1", "tug", PORT)]


@pytest.mark.parametrize("arguments", [None, "", {}, "{}"])
async def test_a_call_may_have_no_arguments(provider: LLMProvider, arguments: object) -> None:
    _, response = await hear(provider, ndjson(call({"name": "tug", "arguments": arguments}), END))
    assert [json.loads(made.arguments) for made in response.tool_calls] == [{}]


@pytest.mark.parametrize("together", [True, False])
async def test_calls_of_one_index_are_told_apart(provider: LLMProvider, together: bool) -> None:
    functions = [{"index": 0, "name": "tug", "arguments": {"n": number}} for number in (1, 2)]
    lines = [call(*functions)] if together else [call(function) for function in functions]
    events, response = await hear(provider, ndjson(*lines, END))
    assert [json.loads(made.arguments) for made in response.tool_calls] == [{"n": 1}, {"n": 2}]
    assert len({identity for identity, _, _ in streamed(events)}) == 2


@pytest.mark.parametrize("before", [[], TIDE[:1]])
@pytest.mark.parametrize(
    "error",
    [
        b'{"error": "Too many boats"}\n',
        b'{\n  "error": {\n    "message": "Too many boats"\n  }\n}\n',
        b'{"detail": "Too many boats"}\n',
        b'{"message": "Too many boats"}\n',
    ],
)
async def test_an_error_among_the_lines_is_the_servers(
    provider: LLMProvider, error: bytes, before: list[dict[str, Any]]
) -> None:
    with pytest.raises(ProviderError) as caught:
        await hear(provider, ndjson(*before) + error)
    assert "Too many boats" in caught.value.detail
    assert isinstance(caught.value, ServerFailed)


async def test_reasoning_comes_in_a_field_or_in_tags(provider: LLMProvider) -> None:
    field = ndjson(say("", thinking="Which "), say("", thinking="tide?"), say("Low."), END)
    tags = ndjson(say("<thi"), say("nk>Which tide?"), say("</think>"), say("Low."), END)
    for stream in (field, tags):
        _, response = await hear(provider, stream)
        assert (response.reasoning, response.content) == ("Which tide?", "Low.")


async def test_an_answer_that_its_server_aborts_is_no_answer(provider: LLMProvider) -> None:
    with pytest.raises(StreamBroken, match="abort"):
        await hear(provider, ndjson(say("Low ti"), line(done=True, done_reason="abort")))


async def test_what_the_hub_has_no_word_for_is_named_in_a_note(provider: LLMProvider) -> None:
    _, response = await hear(provider, ndjson(say("Low."), say("", images=["aGk="]), say("", images=["aGk="]), END))
    assert response.content == "Low."
    assert ["images" in note for note in response.notes] == [True]


async def test_what_was_not_counted_is_not_told(provider: LLMProvider) -> None:
    for counts, usage in (({}, {}), ({"prompt_eval_count": 0, "eval_count": 5}, {"completion_tokens": 5})):
        _, response = await hear(provider, ndjson(say("Low."), line(done=True, **counts)))
        assert response.usage == usage


async def test_a_level_that_a_model_does_not_know_is_asked_once(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    for asked in (2, 3):
        events = [
            event
            async for event in provider.events(
                ChatRequest((Message(Role.USER, "?"),), "reasoning?levels=none", effort="high")
            )
        ]
        assert events[-1].response.ignored == ("effort",)  # type: ignore[union-attr]  # the last is Done
        assert events[-1].response.reasoning  # type: ignore[union-attr]
        assert len(chats()) == asked
    assert chats()[-1].body["think"] is True


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)


@given(
    texts=st.lists(words, min_size=1, max_size=5),
    dress=st.sampled_from(["lines", "joined", "indented"]),
    data=st.data(),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_an_answer_is_the_same_in_any_dress_and_cut_at_any_byte(
    provider: LLMProvider, texts: list[str], dress: str, data: st.DataObject
) -> None:
    lines = [say("|", thinking="{"), *map(say, texts), call({"name": "tug", "arguments": {"}{": texts}}), END]
    indent = 1 if dress == "indented" else None
    objects = [json.dumps(value, ensure_ascii=False, indent=indent).encode() for value in lines]
    stream = (b"" if dress == "joined" else b"\n").join(objects)
    places = sorted(data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=6)))
    pieces = [stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True)]
    _, response = await hear(provider, *pieces)
    assert (response.content, response.reasoning) == ("|" + "".join(texts), "{")
    assert [json.loads(made.arguments) for made in response.tool_calls] == [{"}{": texts}]
