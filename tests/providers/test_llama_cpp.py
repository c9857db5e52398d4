"""The answers of the embedded model, for real: the packaged GGUF file, and llama.cpp in this process."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from llm_hub.chat import ChatRequest, Done, Image, JSONFormat, LLMResponse, Message, Role, Text, TextDelta, Tool
from llm_hub.errors import InvalidRequest, ModelNotFound, NotOffered, PromptTooLong
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
from llm_hub.providers.llamacpp.model_file import find_model_file
from tests.providers.embedded import MODEL, STORY, SUM, answer, collect, question

pytestmark = pytest.mark.heavy


async def test_it_answers_and_counts_and_says_who_answered(provider: LlamaCppProvider) -> None:
    response = await answer(provider, question("What is 2+2?"))
    assert response.content == SUM
    assert (response.model, response.provider, response.finish_reason) == (MODEL, "local", "stop")
    usage = response.usage
    assert usage["prompt_tokens"] + usage["completion_tokens"] == usage["total_tokens"] > usage["cached_tokens"]
    assert response.timing is not None
    assert response.timing.first_token is not None


async def test_it_streams_piece_by_piece_while_the_event_loop_goes_on(provider: LlamaCppProvider) -> None:
    turns = 0

    async def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    heart = asyncio.create_task(beat())
    events = provider.events(question(STORY, max_tokens=40))
    piece_turns = [turns async for event in events if isinstance(event, TextDelta)]
    heart.cancel()
    assert len(piece_turns) > 20
    assert len(set(piece_turns)) > len(piece_turns) / 2, "most pieces must come in a turn of the loop of their own"


async def test_chats_run_side_by_side(provider: LlamaCppProvider) -> None:
    order: list[int] = []

    async def chat(number: int) -> LLMResponse:
        async with aclosing(provider.events(question(f"{STORY} Number {number}.", max_tokens=30))) as events:
            async for event in events:
                order.append(number)
                if isinstance(event, Done):
                    return event.response
        raise AssertionError("no end")

    responses = await asyncio.gather(*map(chat, range(3)))
    assert all(response.content for response in responses)
    starts = [order.index(number) for number in range(3)]
    ends = [len(order) - order[::-1].index(number) for number in range(3)]
    assert max(starts) < min(ends), "no chat may wait for another one's end"


async def test_earlier_turns_and_the_system_prompt_are_part_of_the_question(provider: LlamaCppProvider) -> None:
    turns = (
        Message(Role.SYSTEM, "You are a helpful assistant who knows the user's name."),
        Message(Role.USER, "My name is Zoe."),
        Message(Role.ASSISTANT, "Nice to meet you, Zoe!"),
        Message(Role.USER, (Text("What is my name?"),)),
    )
    response = await answer(provider, ChatRequest(turns, temperature=0, max_tokens=40))
    assert "Zoe" in response.content
    assert response.usage["prompt_tokens"] > 40


async def test_an_answer_ends_at_the_limit_of_its_tokens(provider: LlamaCppProvider) -> None:
    response = await answer(provider, question(STORY, max_tokens=3))
    assert (response.finish_reason, response.usage["completion_tokens"]) == ("length", 3)


async def test_an_absurd_limit_is_the_context_and_no_error(provider: LlamaCppProvider) -> None:
    assert (await answer(provider, question("What is 2+2?", max_tokens=10**30))).content == SUM


async def test_characters_of_several_tokens_come_whole(provider: LlamaCppProvider) -> None:
    request = question("Repeat exactly: 😀🎉🦊🇩🇪 日本語 你好 😀🎉🦊 日本語", max_tokens=30)
    events = await collect(provider.events(request))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "🦊" in text
    assert "\ufffd" not in text


async def test_half_a_surrogate_pair_is_a_question_mark(provider: LlamaCppProvider) -> None:
    assert (await answer(provider, question("What is 2+2\ud83d", max_tokens=20))).content


async def test_a_long_prompt_is_refused_with_both_numbers(provider: LlamaCppProvider) -> None:
    with pytest.raises(PromptTooLong, match=r"has 5031 tokens, and SmolLM2-135M-Instruct has room for 4096") as caught:
        await answer(provider, question("word " * 5000))
    assert (caught.value.provider, caught.value.model) == ("local", MODEL)


async def test_an_answer_that_fills_the_context_ends_with_its_length() -> None:
    provider = LlamaCppProvider(context=256, parallel=1)
    response = await answer(provider, question(STORY * 20))
    assert response.finish_reason == "length"
    assert response.usage["total_tokens"] <= 256
    await provider.aclose()


async def test_an_answer_follows_its_schema_by_grammar(provider: LlamaCppProvider) -> None:
    schema = {
        "type": "object",
        "properties": {"fox": {"type": "string", "maxLength": 20}, "tails": {"type": "integer", "maximum": 9}},
        "required": ["fox", "tails"],
        "additionalProperties": False,
    }
    fox = json.loads((await answer(provider, question(STORY, format=JSONFormat(schema)))).content)
    assert fox.keys() == {"fox", "tails"}
    assert isinstance(fox["tails"], int)
    plain = await answer(provider, question("Who are you? Answer as JSON.", format=JSONFormat(), max_tokens=200))
    assert plain.content.startswith("{")


async def test_a_schema_that_is_none_is_refused(provider: LlamaCppProvider) -> None:
    with pytest.raises(InvalidRequest, match="did not accept"):
        await answer(provider, question(STORY, format=JSONFormat({"type": "nonsense"})))


async def test_stop_seed_and_top_p_are_the_callers(provider: LlamaCppProvider) -> None:
    stopped = await answer(provider, question("What is 2+2?", stop=(" classic", "never")))
    assert stopped.content == "The answer to this"

    async def content(**options: Any) -> str:
        return (await answer(provider, question(STORY, temperature=1.5, max_tokens=20, **options))).content

    assert await content(seed=2**40) == await content(seed=2**40) != await content(seed=8)
    assert await content(top_p=0.0) == await content(top_p=0.0)


async def test_tools_are_refused_by_name(provider: LlamaCppProvider) -> None:
    with pytest.raises(NotOffered) as caught:
        await answer(provider, question("What time is it?", tools=(Tool("clock"),)))
    assert caught.value.parameter == "tools"


async def test_an_effort_is_left_out(provider: LlamaCppProvider) -> None:
    assert (await answer(provider, question("What time is it?", max_tokens=2, effort="low"))).ignored == ("effort",)


async def test_it_lists_its_one_model(provider: LlamaCppProvider) -> None:
    (model,) = await provider.models()
    assert (model.id, model.context) == (MODEL, 4096)
    assert provider.default_model == MODEL
    (capped,) = await LlamaCppProvider(context=100_000).models()
    assert capped.context == 8192, "no more than the model was trained for"


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (question("Hi", model="gpt-6-luna"), ModelNotFound, f"has one model, {MODEL}, and not gpt-6-luna"),
        (question("Hi", max_tokens=0), InvalidRequest, "needs room for one token at least"),
        (ChatRequest((Message(Role.USER, (Text("What is it?"), Image(b"png"))),)), InvalidRequest, "reads text only"),
    ],
)
async def test_what_it_cannot_answer_is_refused_at_once(
    request_: ChatRequest, error: type[Exception], words: str
) -> None:
    provider = LlamaCppProvider()
    with pytest.raises(error, match=words):
        await anext(provider.events(request_))
    assert provider._memory.engine is None, "nothing is loaded for it"


async def test_a_file_that_llama_cpp_cannot_load_names_the_setting(tmp_path: Path) -> None:
    packaged = find_model_file(None).path
    assert packaged is not None
    (damaged := tmp_path / "damaged.gguf").write_bytes(packaged.read_bytes()[:2_000_000])
    provider = LlamaCppProvider(str(damaged))
    with pytest.raises(ModelNotFound, match=r"llama.cpp cannot load damaged.gguf.*LLM_HUB_LOCAL_MODEL"):
        await answer(provider, question("Hi"))
