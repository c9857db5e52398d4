"""The embedded model, for real: the packaged GGUF file, llama.cpp in this process, and a small Hub on a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from llm_hub.chat import (
    ChatRequest,
    Done,
    Event,
    Image,
    JSONFormat,
    LLMResponse,
    Message,
    Role,
    Text,
    TextDelta,
    Tool,
    Waiting,
)
from llm_hub.errors import (
    ConfigurationError,
    ConnectionFailed,
    InvalidRequest,
    ModelNotFound,
    NotOffered,
    PromptTooLong,
    ServerFailed,
)
from llm_hub.providers.llamacpp import gguf
from llm_hub.providers.llamacpp.engine import Engine
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider

pytestmark = pytest.mark.heavy

MODEL = "SmolLM2-135M-Instruct"
SUM = "The answer to this classic math problem is 4."
STORY = "Tell me a long story about a fox."


def ask(prompt: str, **options: Any) -> ChatRequest:
    return ChatRequest((Message(Role.USER, prompt),), **{"temperature": 0.0, **options})


async def answer(provider: LlamaCppProvider, request: ChatRequest) -> LLMResponse:
    return (await collect(provider.events(request)))[-1].response  # type: ignore[union-attr]  # Done is the last event


async def collect(events: AsyncGenerator[Event]) -> list[Event]:
    async with aclosing(events):
        return [event async for event in events]


async def first(kind: type[Event], events: AsyncGenerator[Event]) -> Event:
    """The first event of a kind. What comes before it is dropped."""
    return await anext(event async for event in events if isinstance(event, kind))


def threads_inside(provider: LlamaCppProvider) -> int:
    return len(provider._engine._inside)


@pytest.fixture(scope="module")
def provider() -> Iterator[LlamaCppProvider]:
    """One loaded model for every test that leaves it as it was."""
    provider = LlamaCppProvider(context=4096, parallel=3)
    yield provider
    provider._engine.stop()


async def test_it_answers_and_counts_and_says_who_answered(provider: LlamaCppProvider) -> None:
    response = await answer(provider, ask("What is 2+2?"))
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
    seen = [turns async for event in provider.events(ask(STORY, max_tokens=40)) if isinstance(event, TextDelta)]
    heart.cancel()
    assert len(seen) > 20
    assert len(set(seen)) > len(seen) / 2, "most pieces must come in a turn of the loop of their own"


async def test_chats_run_side_by_side(provider: LlamaCppProvider) -> None:
    order: list[int] = []

    async def chat(number: int) -> LLMResponse:
        async with aclosing(provider.events(ask(f"{STORY} Number {number}.", max_tokens=30))) as events:
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
    response = await answer(provider, ask(STORY, max_tokens=3))
    assert (response.finish_reason, response.usage["completion_tokens"]) == ("length", 3)


async def test_an_absurd_limit_is_the_context_and_no_error(provider: LlamaCppProvider) -> None:
    assert (await answer(provider, ask("What is 2+2?", max_tokens=10**30))).content == SUM


async def test_characters_of_several_tokens_come_whole(provider: LlamaCppProvider) -> None:
    events = await collect(provider.events(ask("Repeat exactly: 😀🎉🦊🇩🇪 日本語 你好 😀🎉🦊 日本語", max_tokens=30)))
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert "🦊" in text
    assert "\ufffd" not in text


async def test_half_a_surrogate_pair_is_a_question_mark(provider: LlamaCppProvider) -> None:
    assert (await answer(provider, ask("What is 2+2\ud83d", max_tokens=20))).content


async def test_a_long_prompt_is_refused_with_both_numbers(provider: LlamaCppProvider) -> None:
    with pytest.raises(PromptTooLong, match=r"has 5031 tokens, and SmolLM2-135M-Instruct has room for 4096") as caught:
        await answer(provider, ask("word " * 5000))
    assert (caught.value.provider, caught.value.model) == ("local", MODEL)


async def test_an_answer_that_fills_the_context_ends_with_its_length() -> None:
    provider = LlamaCppProvider(context=256, parallel=1)
    response = await answer(provider, ask(STORY * 20))
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
    told = json.loads((await answer(provider, ask(STORY, format=JSONFormat(schema)))).content)
    assert told.keys() == {"fox", "tails"}
    assert isinstance(told["tails"], int)
    plain = await answer(provider, ask("Who are you? Answer as JSON.", format=JSONFormat(), max_tokens=200))
    assert plain.content.startswith("{")


async def test_a_schema_that_is_none_is_refused(provider: LlamaCppProvider) -> None:
    with pytest.raises(InvalidRequest, match="did not accept"):
        await answer(provider, ask(STORY, format=JSONFormat({"type": "nonsense"})))


async def test_stop_seed_and_top_p_are_the_callers(provider: LlamaCppProvider) -> None:
    assert (await answer(provider, ask("What is 2+2?", stop=(" classic", "never")))).content == "The answer to this"

    async def told(**options: Any) -> str:
        return (await answer(provider, ask(STORY, temperature=1.5, max_tokens=20, **options))).content

    assert await told(seed=2**40) == await told(seed=2**40) != await told(seed=8)
    assert await told(top_p=0.0) == await told(top_p=0.0)


@pytest.mark.parametrize("option", [{"tools": (Tool("clock"),)}, {"effort": "low"}], ids=["tools", "effort"])
async def test_what_it_does_not_take_is_refused_by_name(provider: LlamaCppProvider, option: dict[str, Any]) -> None:
    with pytest.raises(NotOffered) as caught:
        await answer(provider, ask("What time is it?", **option))
    assert caught.value.parameter in option


async def test_it_lists_its_one_model(provider: LlamaCppProvider) -> None:
    (model,) = await provider.models()
    assert (model.id, model.context) == (MODEL, 4096)
    assert provider.default_model == MODEL
    (capped,) = await LlamaCppProvider(context=100_000).models()
    assert capped.context == 8192, "no more than the model was trained for"


@pytest.mark.parametrize(
    ("request_", "error", "words"),
    [
        (ask("Hi", model="gpt-6-luna"), ModelNotFound, f"has one model, {MODEL}, and not gpt-6-luna"),
        (ask("Hi", max_tokens=0), InvalidRequest, "needs room for one token at least"),
        (ChatRequest((Message(Role.USER, (Text("What is it?"), Image(b"png"))),)), InvalidRequest, "reads text only"),
    ],
)
async def test_what_it_cannot_answer_is_refused_at_once(
    request_: ChatRequest, error: type[Exception], words: str
) -> None:
    provider = LlamaCppProvider()
    with pytest.raises(error, match=words):
        await anext(provider.events(request_))
    assert provider._engine._server is None, "nothing is loaded for it"


# Cancelling


async def test_a_chat_that_is_closed_stops_within_a_second(provider: LlamaCppProvider) -> None:
    events = provider.events(ask(STORY))
    await first(TextDelta, events)
    assert threads_inside(provider) == 1
    closed = time.perf_counter()
    await events.aclose()
    assert time.perf_counter() - closed < 1
    assert threads_inside(provider) == 0


async def test_a_chat_that_is_closed_while_its_prompt_is_read_stops_within_a_second(provider: LlamaCppProvider) -> None:
    events = provider.events(ask("Sum this up: " + "one two three " * 1000))
    waiting = await first(Waiting, events)
    assert waiting.reason.startswith("Reading the prompt … ")  # type: ignore[union-attr]
    closed = time.perf_counter()
    await events.aclose()
    assert time.perf_counter() - closed < 1
    assert threads_inside(provider) == 0
    assert (await answer(provider, ask("What is 2+2?"))).content == SUM


async def test_a_chat_that_is_cancelled_while_the_model_loads_leaves_the_load_to_the_others() -> None:
    provider = LlamaCppProvider(context=512, parallel=2)
    leaving, staying = provider.events(ask(STORY)), provider.events(ask("What is 2+2?"))
    assert await anext(leaving) == await anext(staying) == Waiting(f"Loading {MODEL} …")
    task = asyncio.create_task(collect(leaving))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    *_, done = await collect(staying)
    assert isinstance(done, Done)
    assert done.response.content == SUM
    await provider.aclose()


async def test_chats_wait_for_a_free_slot_and_can_be_cancelled_there() -> None:
    provider = LlamaCppProvider(context=512, parallel=1)
    running = provider.events(ask(STORY, max_tokens=60))
    await first(TextDelta, running)
    queued, leaving = provider.events(ask("What is 2+2?")), provider.events(ask(STORY))
    assert await anext(queued) == await anext(leaving) == Waiting("Waiting for a free slot …")
    served = asyncio.create_task(collect(queued))
    cancelled = asyncio.create_task(collect(leaving))
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await collect(running)
    assert (await served)[-1].response.content == SUM  # type: ignore[union-attr]
    await provider.aclose()


async def test_closing_the_provider_ends_its_chats_and_refuses_more() -> None:
    provider = LlamaCppProvider(context=512, parallel=1)
    events = provider.events(ask(STORY))
    await first(TextDelta, events)
    await provider.aclose()
    assert threads_inside(provider) == 0
    with pytest.raises(Exception, match="ended its answer without saying that it was complete"):
        await collect(events)
    with pytest.raises(ServerFailed):
        await answer(provider, ask(STORY))
    await provider.aclose()


# Loading


class Fake:
    """Stands where llama.cpp's server would."""


async def load(engine: Engine) -> list[str]:
    return [reason async for reason in engine.ready()]


async def test_chats_share_one_load() -> None:
    built: list[Path] = []
    go = threading.Event()

    def build(path: Path) -> Any:
        assert go.wait(10)
        built.append(path)
        return Fake()

    engine = Engine(lambda _report, _wanted: Path(__file__), build, "Loading …")
    loads = [asyncio.create_task(load(engine)) for _ in range(5)]
    await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*loads) == [["Loading …"]] * 5
    assert len(built) == 1
    assert await load(engine) == [], "it is loaded"


async def test_a_load_that_failed_is_tried_again_by_the_next_chat() -> None:
    outcomes: list[Any] = [ConfigurationError("No."), Fake()]

    def build(_path: Path) -> Any:
        if isinstance(outcome := outcomes.pop(0), Exception):
            raise outcome
        return outcome

    engine = Engine(lambda _report, _wanted: Path(__file__), build, "Loading …")
    with pytest.raises(ConfigurationError):
        await load(engine)
    assert await load(engine) == ["Loading …"]


async def test_a_load_that_nobody_waits_for_is_given_up_and_begun_again() -> None:
    asked = threading.Event()
    gone = threading.Event()
    given_up = threading.Event()
    fetches = 0

    def fetch(_report: object, wanted: Any) -> Path:
        nonlocal fetches
        fetches += 1
        if fetches == 1:
            asked.set()
            assert gone.wait(10)
            given_up.set() if not wanted() else None
            raise gguf.Abandoned
        return Path(__file__)

    engine = Engine(fetch, lambda _path: Fake(), "Loading …")
    task = asyncio.create_task(load(engine))
    assert await asyncio.to_thread(asked.wait, 10)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    gone.set()
    assert await asyncio.to_thread(given_up.wait, 10)
    assert await load(engine)
    assert fetches == 2


async def test_a_file_that_llama_cpp_cannot_load_names_the_setting(tmp_path: Path) -> None:
    packaged = gguf.find(None).path
    assert packaged is not None
    (damaged := tmp_path / "damaged.gguf").write_bytes(packaged.read_bytes()[:2_000_000])
    provider = LlamaCppProvider(str(damaged))
    with pytest.raises(ModelNotFound, match=r"llama.cpp cannot load damaged.gguf.*LLM_HUB_LOCAL_MODEL"):
        await answer(provider, ask("Hi"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no model file"),
        (b"", "is not a GGUF file"),
        (b"PK\3\4 a zip", "is not a GGUF file"),
        (b"GGUF", "is a damaged GGUF file"),
        (b"GGUF" + (99).to_bytes(4, "little") + bytes(64), "or one of an unknown version"),
        (b"GGUF" + (3).to_bytes(4, "little") + b"\xff" * 64, "is a damaged GGUF file"),
    ],
)
def test_a_file_that_is_no_model_is_refused_when_the_provider_is_built(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"{words}(.|\n)*LLM_HUB_LOCAL_MODEL"):
        LlamaCppProvider(str(path))


def test_a_directory_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is a directory.*LLM_HUB_LOCAL_MODEL"):
        LlamaCppProvider(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "title"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "SmolLM2-135M-Instruct"),
        ("smollm2-360m-instruct-q8_0.gguf", "smollm2-360m-instruct"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "Qwen3-8B"),
        ("gemma-3-1b-it-BF16.gguf", "gemma-3-1b-it"),
        ("gpt-oss-20b-mxfp4.gguf", "gpt-oss-20b"),
        ("model.gguf", "model"),
    ],
)
def test_a_model_is_called_as_its_file_without_the_quantization(file: str, title: str) -> None:
    assert gguf.Source(file).title == title


def test_where_no_model_is_packaged_the_same_one_is_downloaded() -> None:
    source = gguf.find(gguf.FALLBACK)
    assert (source.path, source.repo, source.title) == (None, "bartowski/SmolLM2-135M-Instruct-GGUF", MODEL)


def test_a_repository_path_cannot_leave_its_directory() -> None:
    with pytest.raises(ConfigurationError):
        gguf.find("org/repo:../../model.gguf")


def test_the_packaged_model_is_found_without_importing_its_package() -> None:
    program = "from llm_hub.providers.llamacpp.gguf import *; assert find(None).path and PACKAGE not in sys.modules"
    code = f"import sys; {program}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# Downloading


@dataclass
class Hub:
    """A Hugging Face Hub with one file, on a real socket."""

    content: bytes
    etag: str = ""
    status: int = 200
    cut_at: int | None = None
    """The first reply breaks off after so many bytes."""
    hold_at: int | None = None
    """The first reply stops there until `go`."""
    go: threading.Event = field(default_factory=threading.Event)
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""

    def reply(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        if self.status != 200:
            request.send_response(self.status)
            request.send_header("X-Error-Code", "RepoNotFound" if self.status == 404 else "")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        wanted = request.headers["Range"] if body else None
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        request.send_response(206 if wanted else 200)
        request.send_header("ETag", f'"{self.etag or hashlib.sha256(self.content).hexdigest()}"')
        request.send_header("X-Repo-Commit", "0" * 40)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        if not body:
            return
        self.ranges.append(wanted)
        pause = (self.hold_at or self.cut_at) if len(self.ranges) == 1 else None
        with suppress(ConnectionError):
            request.wfile.write(self.content[start:pause])
            if pause is not None:
                request.wfile.flush()
                if self.cut_at:
                    request.close_connection = True
                    return
                assert self.go.wait(10)
                request.wfile.write(self.content[pause:])


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            hub.reply(self, body=False)

        def do_GET(self) -> None:
            hub.reply(self, body=True)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        hub.go.set()
        huggingface_hub.close_session()
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(hub: Hub, directory: Path, report: Any = lambda _: None, wanted: Any = lambda: True) -> Path:
    source = gguf.find("org/repo:tiny-Q4_0.gguf")
    return gguf.download(source, directory=directory, endpoint=hub.url, token=None, report=report, wanted=wanted)


CONTENT = bytes(range(256)) * 4096


async def test_a_model_on_the_hub_is_downloaded_with_its_progress_and_then_answers(tmp_path: Path) -> None:
    packaged = gguf.find(None).path
    assert packaged is not None
    content = packaged.read_bytes()
    with serving(Hub(content, hold_at=len(content) // 3)) as hub:
        provider = LlamaCppProvider(
            "org/repo:SmolLM2-135M-Instruct-Q4_1.gguf", endpoint=hub.url, directory=tmp_path, context=512, parallel=1
        )
        assert (await provider.models())[0].id == MODEL
        reasons = []
        async for event in provider.events(ask("What is 2+2?")):
            if isinstance(event, Waiting):
                reasons.append(event.reason)
                if event.reason == f"Downloading {MODEL} … 33 %":
                    hub.go.set()
        assert isinstance(event, Done)
        assert event.response.content == SUM
        assert reasons[0] == f"Loading {MODEL} …"
        assert f"Downloading {MODEL} … 33 %" in reasons
        await provider.aclose()


def test_a_file_that_was_downloaded_before_is_not_asked_for_again(tmp_path: Path) -> None:
    with serving(Hub(CONTENT)) as hub:
        path = fetch(hub, tmp_path)
        assert path.read_bytes() == CONTENT
        assert fetch(hub, tmp_path) == path
        assert hub.ranges == [None]
    assert [file.name for file in path.parent.iterdir()] == [path.name], "no parts are left"


def test_a_download_that_breaks_off_goes_on_where_it_broke(tmp_path: Path) -> None:
    with serving(Hub(CONTENT, cut_at=300_000)) as hub:
        assert fetch(hub, tmp_path).read_bytes() == CONTENT
        assert hub.ranges == [None, "bytes=300000-"]


def test_a_download_that_was_given_up_goes_on_the_next_time(tmp_path: Path) -> None:
    with serving(Hub(CONTENT)) as hub:
        with pytest.raises(gguf.Abandoned):
            fetch(hub, tmp_path, wanted=lambda: False)
        assert fetch(hub, tmp_path).read_bytes() == CONTENT
        assert hub.ranges[0] is None
        assert (hub.ranges[1] or "").startswith("bytes=")


async def test_a_chat_that_is_cancelled_while_its_model_is_downloaded_is_gone_at_once(tmp_path: Path) -> None:
    with serving(Hub(CONTENT, hold_at=100_000)) as hub:
        provider = LlamaCppProvider("org/repo:tiny.gguf", endpoint=hub.url, directory=tmp_path)
        events = provider.events(ask("Hi"))
        async for event in events:
            if isinstance(event, Waiting) and event.reason.startswith("Downloading"):
                break
        closed = time.perf_counter()
        await events.aclose()
        await provider.aclose()
        assert time.perf_counter() - closed < 1


def test_a_damaged_download_is_thrown_away(tmp_path: Path) -> None:
    with serving(Hub(CONTENT, etag="0" * 64)) as hub:
        with pytest.raises(ConnectionFailed, match="was damaged on its way"):
            fetch(hub, tmp_path)
        assert not [path for path in tmp_path.rglob("*") if path.is_file()]


async def test_a_repository_that_does_not_exist_names_the_setting(tmp_path: Path) -> None:
    with serving(Hub(CONTENT, status=404)) as hub:
        provider = LlamaCppProvider("org/repo:tiny.gguf", endpoint=hub.url, directory=tmp_path)
        with pytest.raises(ModelNotFound, match=r"no org/repo:tiny.gguf, or it is not public.*LLM_HUB_LOCAL_MODEL"):
            await answer(provider, ask("Hi"))


async def test_a_hub_that_fails_or_cannot_be_reached_is_a_failed_connection(tmp_path: Path) -> None:
    with serving(Hub(CONTENT, status=500)) as hub:
        provider = LlamaCppProvider("org/repo:tiny.gguf", endpoint=hub.url, directory=tmp_path)
        with pytest.raises(ConnectionFailed, match=r"could not be downloaded.*LLM_HUB_LOCAL_MODEL") as caught:
            await answer(provider, ask("Hi"))
        assert caught.value.provider == "local"
    with pytest.raises(ConnectionFailed):
        await answer(provider, ask("Hi"))


# Leaving Python

PROLOGUE = """
import asyncio, threading
from contextlib import suppress
from llm_hub.errors import LLMHubError
from llm_hub.chat import ChatRequest, Message, Role, TextDelta
from llm_hub.providers.llamacpp.llama_cpp import LlamaCppProvider
provider = LlamaCppProvider(context=1024, parallel=2)
request = ChatRequest((Message(Role.USER, "Tell me a long story about a fox."),), temperature=0)
async def until_it_streams(then):
    async for event in provider.events(request):
        if isinstance(event, TextDelta):
            then()
"""


def run(program: str, *, interrupt: bool = False) -> tuple[int, str]:
    """Exit code and stderr of a program of its own. `interrupt` sends Ctrl-C once it has printed something."""
    code = PROLOGUE + textwrap.dedent(program)
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        if interrupt:
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)
        return process.wait(30), process.stderr.read()


def test_python_ends_in_order_while_a_chat_streams_in_a_thread() -> None:
    program = """
    streams = threading.Event()
    def chat():
        with suppress(LLMHubError):  # the chat ends without its end
            asyncio.run(until_it_streams(streams.set))
    threading.Thread(target=chat, daemon=True).start()
    assert streams.wait(30)
    """
    assert run(program) == (0, "")


def test_python_ends_in_order_while_the_model_loads_in_a_thread() -> None:
    program = """
    loads = threading.Event()
    async def main():
        async for event in provider.events(request):
            loads.set()
    threading.Thread(target=lambda: asyncio.run(main()), daemon=True).start()
    assert loads.wait(30)
    """
    assert run(program) == (0, "")


def test_python_ends_in_order_when_a_chat_is_left_open() -> None:
    program = """
    async def main():
        global left
        left = provider.events(request)
        async for event in left:
            if isinstance(event, TextDelta):
                return
    asyncio.run(main())
    """
    assert run(program) == (0, "")


def test_ctrl_c_while_a_chat_streams_ends_in_a_keyboard_interrupt() -> None:
    program = """
    asyncio.run(until_it_streams(lambda: print("streams", flush=True)))
    """
    code, stderr = run(program, interrupt=True)
    assert code == -signal.SIGINT
    assert stderr.rstrip().endswith("KeyboardInterrupt")
