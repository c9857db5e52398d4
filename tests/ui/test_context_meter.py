"""The line under the prompt: the tokens and the price of what is about to be sent, beside what the model counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.ui.compatible import Compatible, Exchange
from tests.ui.page_calls import PageCalls, TabCalls, page_calls
from tests.usage.planted_prompts import COUNTS, PROMPTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "Yes, that is how I see it too."
TOKENS = {PROMPTS[name]: COUNTS[name][0] for name in PROMPTS} | {ANSWER: 9, "Be brief.": 3}
"""Of o200k, the tokenizer of the models with this name."""
MODEL = "gpt-5-mini"


class CountingServer(Compatible):
    """A server that counts the tokens of a request as OpenAI does. `prompt_tokens` are those of the last one."""

    prompt_tokens = 0

    def models(self) -> list[str]:
        return [MODEL, "unknown-1"]

    def answer(self, exchange: Exchange, body: dict[str, Any], prompt: str) -> None:
        self.prompt_tokens = 3 + sum(4 + TOKENS[message["content"]] for message in body["messages"])
        exchange.begin_stream()
        exchange.send_text(ANSWER, model=body["model"])
        usage = {"prompt_tokens": self.prompt_tokens, "completion_tokens": 9}
        exchange.end_stream(model=body["model"], usage=usage)


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with CountingServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(server: CountingServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageCalls]:
    environment = {
        "LLM_HUB_SERVERS": f"counting={server.url},unpriced={server.url}",
        "LLM_HUB_PRICES": "counting=2/10",
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        "OPENAI_BASE_URL": server.url,
    }
    async with page_calls(tmp_path_factory.mktemp("meter"), environment) as page:
        yield page


@pytest.fixture
def chat(page: PageCalls) -> TabCalls:
    tab = page.open()
    tab.choose(MODEL, "counting")
    return tab


async def measure(chat: TabCalls, text: str, *files: str) -> str:
    """What the line says while this prompt stands in the box."""
    chat.set(chat_prompt={"text": text, "files": list(files)})
    await chat.use("chat-meter", "measure")
    return chat.text("chat-meter")


def tokens(line: str) -> int | None:
    number = re.match(r"About ([\d,]+)", line)
    return int(number[1].replace(",", "")) if number else None


@pytest.mark.parametrize("name", PROMPTS)
async def test_a_first_prompt_is_known_within_20_percent_of_the_bill_or_not_at_all(
    chat: TabCalls, server: CountingServer, name: str
) -> None:
    line = await measure(chat, PROMPTS[name])
    await chat.ask(PROMPTS[name])
    if name in ("Polish", "Russian", "Chinese", "Japanese", "Arabic"):
        assert line == "How this model counts tokens is known after its first answer here."
    else:
        assert tokens(line) == pytest.approx(server.prompt_tokens, rel=0.2)


async def test_in_a_conversation_only_the_new_prompt_is_estimated(chat: TabCalls, server: CountingServer) -> None:
    known = 0
    for name in PROMPTS:
        estimate = tokens(await measure(chat, PROMPTS[name]))
        await chat.ask(PROMPTS[name])
        if estimate is not None:
            known += 1
            assert estimate == pytest.approx(server.prompt_tokens, rel=0.2 if known < 4 else 0.1), name
    assert known >= 17


async def test_an_unknown_model_is_known_after_its_first_answer(chat: TabCalls, server: CountingServer) -> None:
    chat.choose("unknown-1", "counting")
    assert "after its first answer" in await measure(chat, PROMPTS["French"])
    await chat.ask(PROMPTS["French"])
    line = await measure(chat, PROMPTS["Spanish"])
    await chat.ask(PROMPTS["Spanish"])
    assert tokens(line) == pytest.approx(server.prompt_tokens, rel=0.2)


async def test_the_price_is_that_of_the_prompt_and_of_the_longest_answer(chat: TabCalls) -> None:
    line = await measure(chat, PROMPTS["Python"])
    price = re.fullmatch(r"About \d+ tokens · \$([\d.]+) \+ answer", line)
    assert price
    assert float(price[1]) == pytest.approx((tokens(line) or 0) * 2e-6, abs=5e-5)
    chat.set(chat_max_tokens="1000")
    line = await measure(chat, PROMPTS["Python"])
    price = re.fullmatch(r"About \d+ tokens · \$[\d.]+ to \$([\d.]+)", line)
    assert price
    assert float(price[1]) == pytest.approx((tokens(line) or 0) * 2e-6 + 0.01, abs=5e-5)


async def test_a_listed_model_has_its_window(chat: TabCalls) -> None:
    chat.choose(MODEL, "openai")
    assert re.match(r"About \d+ of 400,000 tokens · ", await measure(chat, PROMPTS["English"]))
    assert "more than the 400,000" in await measure(chat, PROMPTS["English"] * 4000)


async def test_a_price_that_nobody_knows_is_not_nothing(chat: TabCalls) -> None:
    chat.choose(MODEL, "unpriced")
    assert (await measure(chat, PROMPTS["English"])).endswith(" tokens · price unknown")


async def test_the_system_prompt_counts(chat: TabCalls) -> None:
    before = tokens(await measure(chat, PROMPTS["English"])) or 0
    chat.set(chat_system=PROMPTS["Python"])
    assert (tokens(await measure(chat, PROMPTS["English"])) or 0) - before == pytest.approx(252, rel=0.2)


async def test_text_files_count_and_images_are_not_known(chat: TabCalls, tmp_path: Path) -> None:
    notes, image = tmp_path / "notes.md", tmp_path / "photo.png"
    notes.write_text(PROMPTS["English"])
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    assert tokens(await measure(chat, PROMPTS["a question"], str(notes))) == pytest.approx(119 + 21 + 7 + 11, rel=0.2)
    assert await measure(chat, "What is this?", str(image)) == (
        "The tokens of images and documents are known only after the answer."
    )


async def test_what_cannot_be_sent_has_no_line(chat: TabCalls) -> None:
    chat.set(chat_temperature="hot")
    assert not await measure(chat, PROMPTS["English"])
