"""The fault server itself: what other tests rely on."""

from __future__ import annotations

import httpx
import pytest

from tests.fault_server import FaultServer, FaultServerThread, answer_text, expected_text
from tests.fault_server.text import word

GO_ON = "Please continue exactly where you left off."


def test_no_two_words_are_the_same() -> None:
    assert len({word(number) for number in range(100_000)}) == 100_000


def test_a_model_says_what_its_name_promises() -> None:
    assert expected_text("cut@mid?tokens=7") == expected_text("ok?tokens=7") == answer_text(7)
    assert len(answer_text(7).split()) == 7


def _ask(url: str, model: str, partial: str | None = None) -> str:
    turns = [{"role": "user", "content": "Hello?"}]
    if partial is not None:
        turns += [{"role": "assistant", "content": partial}, {"role": "user", "content": GO_ON}]
    reply = httpx.post(f"{url}/chat/completions", json={"model": model, "messages": turns}, trust_env=False)
    text = reply.json()["choices"][0]["message"]["content"]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("words", [1, 5, 19])
def test_it_resumes_in_every_way_that_models_do(words: int) -> None:
    whole = answer_text()
    partial, rest = answer_text(words), whole[len(answer_text(words)) :]
    with FaultServerThread() as fault_server:
        assert _ask(fault_server.openai_url, "ok", partial) == rest
        assert _ask(fault_server.openai_url, "ok?resume=nospace", partial) == rest.lstrip()
        assert _ask(fault_server.openai_url, "ok?resume=restart", partial) == whole
        assert _ask(fault_server.openai_url, "ok?resume=overlap", partial) == " ".join(partial.split()[-3:]) + rest
        assert _ask(fault_server.openai_url, "ok?resume=stranger", partial).startswith("Bananas")
        assert _ask(fault_server.openai_url, "ok", "Something that was never said") == whole
        assert len(fault_server.exchanges) == 6
        assert fault_server.wait_for(lambda seen: all(exchange.finished for exchange in seen))


async def test_a_fault_with_a_count_ends_after_that_many_requests(fault_server: FaultServer) -> None:
    async with httpx.AsyncClient(base_url=fault_server.openai_url, trust_env=False) as client:
        body = {"model": "status-503?times=2", "messages": [{"role": "user", "content": "Hello?"}]}
        statuses = [(await client.post("/chat/completions", json=body)).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]


async def test_a_client_that_leaves_a_silent_server_is_seen(fault_server: FaultServer) -> None:
    body = {"model": "stall@one", "stream": True, "messages": [{"role": "user", "content": "Hello?"}]}
    async with (
        httpx.AsyncClient(base_url=fault_server.openai_url, trust_env=False) as client,
        client.stream("POST", "/chat/completions", json=body) as reply,
    ):
        await anext(reply.aiter_lines())
    exchange = await fault_server.next_exchange(1)
    await exchange.ended()
    assert (exchange.client_left, exchange.finished, exchange.tokens_sent) == (True, False, 1)


async def test_an_answer_waits_where_it_has_as_many_tokens_as_it_may(fault_server: FaultServer) -> None:
    fault_server.limit = 3
    body = {"model": "ok?tokens=7", "messages": [{"role": "user", "content": "Hello?"}], "stream": True}
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{fault_server.openai_url}/chat/completions"
        async with client.stream("POST", url, json=body) as reply:
            lines = reply.aiter_lines()
            async for line in lines:
                if word(2) in line:
                    break
            [exchange] = fault_server.exchanges
            assert exchange.tokens_sent == 3
            fault_server.limit = None
            rest = [line async for line in lines]
    assert exchange.tokens_sent == 7
    assert exchange.finished
    assert rest[-2] == "data: [DONE]"
