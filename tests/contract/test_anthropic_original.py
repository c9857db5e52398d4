"""A request of an Anthropic client goes on to Anthropic as it came, and what the hub changes in it is the least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, JSONFormat, Message, OriginalRequest, Role, VendorDelta
from llm_hub.errors import InvalidRequest, PromptTooLong
from tests.contract.conftest import case_params
from tests.fault_server import answer_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import LLMResponse
    from llm_hub.provider import LLMProvider
    from tests.fault_server import Exchange

pytestmark = pytest.mark.parametrize("case", case_params(lambda case: case.name == "anthropic"), indirect=True)

MARK = {"cache_control": {"type": "ephemeral"}}
TALK: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "Which boats came?", **MARK}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "I look.", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "c2VhbA=="},
            {"type": "tool_use", "id": "toolu_1", "name": "boats", "input": {"day": 1}},
        ],
    },
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "two"}]},
    {"role": "assistant", "content": "Two came."},
    {"role": "system", "content": "From here on in French."},
    {"role": "user", "content": "Which?"},
]
BODY: dict[str, Any] = {
    "model": "claude-tug",
    "max_tokens": 900,
    "stream": False,
    "models": [],
    "system": [{"type": "text", "text": "You keep the log.", **MARK}],
    "messages": TALK,
    "tools": [
        {"name": "boats", "input_schema": {"type": "object"}, **MARK},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3},
    ],
    "thinking": {"type": "adaptive", "display": "summarized"},
    "output_config": {"effort": "low"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "service_tier": "standard_only",
    "metadata": {"user_id": "u-3"},
    "container": None,
}
HUB_FIELDS = {"model", "models", "stream"}


def request(
    body: dict[str, Any], *added: Message, model: str = "ok", headers: dict[str, str] | None = None, **fields: Any
) -> ChatRequest:
    """The client's request as the API's dialect hands it on, with the hub's own turns behind it."""
    turns = tuple(Message(Role.USER, "Which?") for _ in body["messages"])
    original = OriginalRequest("anthropic", body, len(turns), headers or {})
    return ChatRequest((*turns, *added), model, original=original, **{"max_tokens": body["max_tokens"], **fields})


async def ask(provider: LLMProvider, asked: ChatRequest) -> LLMResponse:
    """The answer."""
    events = [event async for event in provider.events(asked)]
    return events[-1].response  # type: ignore[union-attr]  # the last is Done


async def test_a_body_goes_on_as_it_came(provider: LLMProvider, chats: Callable[[], list[Exchange]]) -> None:
    headers = {
        "anthropic-beta": "context-management-2025-06-27",
        "authorization": "Bearer leaked",
        "x-api-key": "leaked",
    }
    response = await ask(provider, request(BODY, headers=headers))
    assert response.content == answer_text()
    assert response.ignored == ()
    sent = chats()[0]
    expected = {name: value for name, value in BODY.items() if name not in HUB_FIELDS}
    assert sent.body == expected | {"model": "ok", "stream": True}
    assert sent.headers["anthropic-beta"] == "context-management-2025-06-27"
    assert "leaked" not in str(sent.headers)


async def test_another_protocols_body_does_not(provider: LLMProvider, chats: Callable[[], list[Exchange]]) -> None:
    turns = (Message(Role.USER, "Which?"),)
    other = OriginalRequest("openai", {"messages": [], "logit_bias": {}}, 1, {"anthropic-beta": "x"})
    await ask(provider, ChatRequest(turns, "ok", original=other))
    assert "logit_bias" not in chats()[0].body
    assert "anthropic-beta" not in chats()[0].headers


async def test_only_a_stream_is_told_how_the_message_begins(provider: LLMProvider) -> None:
    streamed = [event async for event in provider.events(request(BODY | {"stream": True}))]
    whole = [event async for event in provider.events(request(BODY))]
    beginnings = [event.data["type"] for event in streamed if isinstance(event, VendorDelta)]
    assert beginnings[:2] == ["message_start", "content_block_start"]
    assert not any(isinstance(event, VendorDelta) for event in whole)


@pytest.mark.parametrize(("limit", "sent"), [(50, 50), (900, 900), (5000, 900), (None, 900)])
async def test_the_lower_limit_holds(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], limit: int | None, sent: int
) -> None:
    await ask(provider, request(BODY, max_tokens=limit))
    assert chats()[0].body["max_tokens"] == sent


async def test_a_budget_for_thinking_stays_below_a_limit_that_was_lowered(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    body = BODY | {"max_tokens": 9000, "thinking": {"type": "enabled", "budget_tokens": 8000}}
    await ask(provider, request(body, max_tokens=2000))
    assert chats()[0].body["thinking"] == {"type": "enabled", "budget_tokens": 1999}
    interleaved = body | {"thinking": {"type": "enabled", "budget_tokens": 20_000}}  # a beta takes more than the limit
    await ask(provider, request(interleaved))
    assert chats()[1].body["thinking"] == {"type": "enabled", "budget_tokens": 20_000}


async def test_what_the_hub_adds_follows_the_clients_turns(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    body = BODY | {"output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}}}
    added = (Message(Role.ASSISTANT, "The tug and"), Message(Role.USER, "Go on."))
    await ask(provider, request(body, *added, format=JSONFormat({"type": "object"})))
    assert chats()[0].body["messages"] == [
        *TALK,
        {"role": "assistant", "content": [{"type": "text", "text": "The tug and"}]},
        {"role": "user", "content": [{"type": "text", "text": "Go on."}]},
    ]
    assert "format" in chats()[0].body["output_config"]
    await ask(provider, request(body, *added))
    assert chats()[1].body["output_config"] == {"effort": "low"}


async def test_a_turn_of_the_same_role_is_made_longer(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    await ask(provider, request(BODY | {"messages": TALK[:1]}, Message(Role.USER, "And tell me why.")))
    content = [*TALK[0]["content"], {"type": "text", "text": "And tell me why."}]
    assert chats()[0].body["messages"] == [{"role": "user", "content": content}]


async def test_what_anthropic_takes_from_nobody_is_left_out(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    """Other models' reasoning has no signature of Anthropic's, and their calls have ids with other letters."""
    call = {"type": "tool_use", "id": "functions.boats:0", "name": "boats", "input": {}}
    talk = [
        TALK[0],
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, call]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "functions.boats:0", "content": "two"}]},
        {"role": "assistant", "content": "Two."},
        TALK[-1],
    ]
    await ask(provider, request(BODY | {"messages": talk}))
    sent = chats()[0].body["messages"]
    assert sent[1]["content"] == [call | {"id": "functions_boats_0"}]
    assert sent[2]["content"][0]["tool_use_id"] == "functions_boats_0"


BLANK: dict[str, Any] = {"type": "text", "text": ""}
CALL: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "boats", "input": {}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "toolu_1"}
WITH_BLANKS: dict[str, Any] = BODY | {
    "system": [BODY["system"][0], BLANK],
    "messages": [
        TALK[0],
        {"role": "assistant", "content": [BLANK | MARK, CALL]},
        {"role": "user", "content": [RESULT | {"content": [BLANK, {"type": "text", "text": "two"}]}]},
        {"role": "assistant", "content": [{"type": "text", "text": " \n"}, {"type": "text", "text": "Two."}]},
        {"role": "assistant", "content": ""},
        TALK[-1],
    ],
}
WITHOUT_BLANKS = {
    "system": BODY["system"],
    "messages": [
        TALK[0],
        {"role": "assistant", "content": [CALL]},
        {"role": "user", "content": [RESULT | {"content": [{"type": "text", "text": "two"}]}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Two."}]},
        TALK[-1],
    ],
}


async def test_blank_texts_go_on_as_they_came_to_who_takes_them(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    for _ in range(2):
        await ask(provider, request(WITH_BLANKS, model="ok?accept=any"))
        sent = chats()[-1].body
        assert (sent["system"], sent["messages"]) == (WITH_BLANKS["system"], WITH_BLANKS["messages"])


@pytest.mark.parametrize(
    ("field", "given", "left"),
    [
        ("messages", WITH_BLANKS["messages"], WITHOUT_BLANKS["messages"]),
        ("system", WITH_BLANKS["system"], WITHOUT_BLANKS["system"]),
        ("system", [BLANK], None),
        ("system", " ", None),
    ],
)
async def test_blank_texts_that_are_refused_are_left_out_once_and_for_all(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], field: str, given: Any, left: Any
) -> None:
    for asked in (2, 3):
        response = await ask(provider, request(BODY | {field: given}))
        assert (response.content, response.ignored, len(chats())) == (answer_text(), (), asked)
        assert chats()[-1].body.get(field) == left


async def test_blank_texts_and_a_setting_may_both_be_refused(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    body = WITH_BLANKS | {"temperature": 0.4}
    response = await ask(provider, request(body, model="claude-haiku-5-5", temperature=0.4))
    assert set(response.ignored) == {"temperature", "effort"}
    sent = chats()[-1].body
    assert (sent["system"], sent["messages"]) == (WITHOUT_BLANKS["system"], WITHOUT_BLANKS["messages"])
    assert len(chats()) == 4


async def test_a_setting_that_is_refused_by_name_is_left_out_once_and_remembered(
    provider: LLMProvider, chats: Callable[[], list[Exchange]]
) -> None:
    body = BODY | {"temperature": 0.4, "top_k": 20}
    for asked in (4, 5):
        response = await ask(provider, request(body, model="claude-haiku-5-5", temperature=0.4))
        assert set(response.ignored) == {"temperature", "top_k", "effort"}
        assert len(chats()) == asked
    assert chats()[-1].body["thinking"] == BODY["thinking"]


@pytest.mark.parametrize("settings", [{"temperature": 0.4}, {"temperature": 0.4, "top_p": 0.3, "effort": "low"}])
async def test_a_bad_request_costs_two_at_most(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], settings: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await ask(provider, ChatRequest((Message(Role.USER, "?"),), "bad-request", **settings))
    assert len(chats()) == 2
    assert caught.value.detail == "We could not parse the request."


async def test_one_odd_refusal_teaches_nothing(provider: LLMProvider, chats: Callable[[], list[Exchange]]) -> None:
    asked = ChatRequest((Message(Role.USER, "?"),), "bad-request?times=1", temperature=0.4)
    assert (await ask(provider, asked)).ignored == ("temperature",)
    assert (await ask(provider, asked)).ignored == ()
    assert chats()[-1].body["temperature"] == 0.4


async def test_a_refused_prompt_that_fills_the_window_is_too_long(provider: LLMProvider) -> None:
    long = [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "word " * 100_000}]}]
    with pytest.raises(PromptTooLong):
        await ask(provider, request(BODY | {"messages": long, "tools": []}))
