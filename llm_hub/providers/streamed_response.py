"""Collects an answer that streams over HTTP, and hands its pieces on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from llm_hub.chat import Alive, ChatRequest, ReasoningDelta, TextDelta, ToolCallDelta
from llm_hub.errors import ProviderError
from llm_hub.response_builder import AnsweringProvider, ResponseBuilder
from llm_hub.wire.think_tags import ThinkSplitter

if TYPE_CHECKING:
    from llm_hub.chat import Done, Event


class StreamedResponseBuilder(ResponseBuilder):
    """A response builder with what the loop has to know about the stream of one answer."""

    __slots__ = ("_splitter", "deadline", "ended", "request")

    def __init__(self, provider: AnsweringProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.request = request
        self.ended = False
        """Whether the stream has said that nothing follows: what comes all the same is not read."""
        self.deadline: float | None = None
        """The loop's time at which silence ends the answer; None until the answer needs nothing more."""
        self._splitter = ThinkSplitter()

    def add_tagged_text(self, text: str) -> Iterable[TextDelta | ReasoningDelta]:
        """Adds text in which the model may have written its reasoning between `<think>` tags."""
        if self._splitter.is_done:  # nearly always: this runs for each token
            return (self.add_text(text),)
        return self._add_pieces(self._splitter.feed(text))

    def add_rest(self) -> list[TextDelta | ReasoningDelta | ToolCallDelta]:
        """Adds the text that waited for the end of a tag. Hands on the calls that were held back."""
        return [*self._add_pieces(self._splitter.flush()), *self._calls.add_rest()]

    def finish(self) -> Done:
        """As `ResponseBuilder.finish`. What an answer that is none has cost goes with the error."""
        try:
            return super().finish()
        except ProviderError as error:
            error.usage = self.usage or None
            raise

    def _add_pieces(self, pieces: list[tuple[bool, str]]) -> list[TextDelta | ReasoningDelta]:
        return [self.add_reasoning(text) if is_reasoning else self.add_text(text) for is_reasoning, text in pieces]


def join_deltas(events: Iterable[Event | None]) -> Iterator[Event]:
    """The same events, with neighbouring pieces of text joined into one, and neighbouring pieces of reasoning.

    For the events of one read from the network: every layer above does its work once for each event. Where `events`
    raises, the text that came before is handed on first. None, a piece of a call that is held back, becomes `Alive`.
    """
    pending: TextDelta | ReasoningDelta | None = None
    texts: list[str] = []
    try:
        for event in events:
            if pending is not None and type(event) is type(pending):
                texts.append(event.text)
                continue
            if pending is not None:
                yield _join(pending, texts)
                pending = None
            if isinstance(event, TextDelta | ReasoningDelta):
                pending, texts = event, [event.text]
            else:
                yield event if event is not None else Alive(is_progress=True)
    except Exception:
        if pending is not None:
            yield _join(pending, texts)
        raise
    if pending is not None:
        yield _join(pending, texts)


def _join(first: TextDelta | ReasoningDelta, texts: list[str]) -> TextDelta | ReasoningDelta:
    return first if len(texts) == 1 else type(first)("".join(texts))
