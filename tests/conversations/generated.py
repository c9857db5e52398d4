"""Conversations of every shape, made by Hypothesis: each kind of error, route event, image and branch."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from llm_hub.chat import (
    Attempt,
    AttemptFailed,
    AttemptStarted,
    Document,
    Image,
    LLMResponse,
    Message,
    Part,
    Resumed,
    Role,
    Text,
    Timing,
    Usage,
)
from llm_hub.conversations.coalescer import Snapshot
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.turn import Outcome, Question, Turn
from llm_hub.documents.kinds import PDF_TYPE
from llm_hub.errors import ConfigurationError, LLMHubError, ProviderError, ShuttingDown

texts = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["Straße\n```py\nx\n```", "日本語 \U0001d4b3 🎉", "<b>&amp;</b>", "a\0b", "\u202ertl", "'; --"]),
)
words = texts.map(lambda text: text.replace("\0", ""))
names = st.sampled_from(["openai", "gpt-x/y:z", "日本", ""])
seconds = st.floats(0, 1e6)
counts = st.integers(0, 2**53)
documents = st.one_of(
    st.builds(Document, st.sampled_from(["report.pdf", "日本.pdf"]), st.just(PDF_TYPE), words,
        st.binary(max_size=40).map(b"%PDF-".__add__), st.integers(0, 600)),
    st.builds(Document, st.sampled_from(["rows.csv", "a.py"]), st.just("text/plain"), words),
)  # fmt: skip
images = st.builds(Image, st.binary(max_size=40), st.sampled_from(["image/png", "image/webp"]))
usages: st.SearchStrategy[Usage] = st.dictionaries(st.sampled_from([*Usage.__annotations__]), counts)  # type: ignore[assignment]
prices = st.none() | st.decimals(0, 1000, places=9)
attempts = st.builds(
    Attempt, names, names, seconds, seconds, st.none() | seconds, st.sampled_from(["answered", "rate_limited"]),
    texts, seconds, st.none() | usages,
)  # fmt: skip
events = st.one_of(
    st.builds(AttemptStarted, names, names, st.integers(1, 9)),
    st.builds(AttemptFailed, attempts, st.none() | seconds),
    st.builds(Resumed, names, names, counts),
)


def error_kinds() -> list[type[ProviderError]]:
    """Every kind of error that a provider can end in."""
    kinds = [ProviderError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return kinds


@st.composite
def errors(draw: st.DrawFn) -> BaseException:
    others = [LLMHubError, ConfigurationError, ShuttingDown, ZeroDivisionError]
    kind: Any = draw(st.sampled_from([*error_kinds(), *others]))
    if not issubclass(kind, ProviderError):
        other: BaseException = kind(draw(texts))
        return other
    error: ProviderError = kind.__new__(kind)
    ProviderError.__init__(error, draw(texts), hint=draw(texts), detail=draw(texts))
    error.attempts = tuple(draw(st.lists(attempts, max_size=2)))
    return error


responses = st.builds(
    LLMResponse,
    content=st.just(""),
    model=names,
    usage=usages,
    provider=names,
    finish_reason=st.sampled_from(["stop", "length", "eh"]),
    timing=st.none() | st.builds(Timing, st.none() | seconds, seconds),
    attempts=st.lists(attempts, max_size=2).map(tuple),
    ignored=st.lists(names, max_size=2).map(tuple),
    notes=st.lists(texts, max_size=2).map(tuple),
)


@st.composite
def prompts(draw: st.DrawFn) -> Message:
    parts: list[Part] = [*draw(st.lists(images, max_size=2)), *draw(st.lists(documents, max_size=2))]
    text = draw(texts)
    return Message(Role.USER, (*parts, Text(text)) if parts and text.strip() else tuple(parts) if parts else text)


questions = st.builds(
    Question, names, names, texts, st.none() | st.floats(0, 2), st.none() | counts,
    st.none() | st.lists(names, max_size=3).map(tuple), st.integers(0, 20),
)  # fmt: skip


@st.composite
def turns(draw: st.DrawFn) -> Turn:
    """A turn in any state, also one whose answer is being written."""
    outcome: Outcome = draw(st.sampled_from(["pending", "answered", "stopped", "failed"]))
    answer = Snapshot(
        text=draw(texts), reasoning=draw(texts), elapsed=draw(seconds), first_token=draw(st.none() | seconds),
        reasoned=draw(st.none() | seconds), route=tuple(draw(st.lists(events, max_size=3))),
        response=draw(responses) if outcome == "answered" else None,
        error=draw(errors()) if outcome == "failed" else None,
    )  # fmt: skip
    price, tries = draw(prices), tuple(draw(st.lists(prices, max_size=2)))
    return Turn(draw(prompts()), draw(questions), (), answer, outcome, price, tries, draw(texts))


@st.composite
def conversations(draw: st.DrawFn) -> Conversation:
    """A tree of some turns: a chat, or a comparison of several panes with versions in each."""
    kind: Any = draw(st.sampled_from(["chat", "comparison"]))
    conversation = Conversation(kind=kind, clock=lambda: 1000.5)
    for _ in range(draw(st.integers(1, 5))):
        pane = draw(st.integers(0, 3)) if kind == "comparison" else 0
        places = [0, *(node.number for node in conversation.nodes if node.pane == pane)]
        conversation.add(draw(turns()), after=draw(st.sampled_from(places)), pane=pane)
    if draw(st.booleans()):
        conversation.rename(draw(texts))
    if draw(st.booleans()):
        conversation.set_up(panes=[["openai", 1.5, None, True]], note=draw(texts))
    if draw(st.booleans()):
        conversation.choose(1)
    return conversation


def simple_turn(text: str = "Hello", answer: str = "", *, error: BaseException | None = None, **more: Any) -> Turn:
    """A turn without anything that is rare. It has ended, unless its `outcome` says otherwise."""
    outcome = "stopped" if error is None else "failed"
    snapshot = Snapshot(text=answer, error=error)
    return Turn(Message(Role.USER, text), Question("openai", "gpt"), answer=snapshot, **{"outcome": outcome, **more})
