"""Collects an answer that streams over HTTP, and hands its pieces on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from llm_hub.capabilities import AnsweringProvider
from llm_hub.chat import Alive, ChatRequest, FilesSent, ReasoningDelta, TextDelta, ToolCallDelta
from llm_hub.documents.sending import has_documents, name_files, prepare
from llm_hub.errors import ProviderError
from llm_hub.response_builder import ResponseBuilder
from llm_hub.wire.think_tags import ThinkSplitter

if TYPE_CHECKING:
    from llm_hub.chat import Done, Event


class StreamedResponseBuilder(ResponseBuilder):
    """A response builder with what the loop has to know about the stream of one answer."""

    __slots__ = ("_asked", "_splitter", "deadline", "ended", "files", "request", "sends_pdf")

    def __init__(self, provider: AnsweringProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.request = self._asked = request
        """What the body is made of: the request with its documents as this model is sent them."""
        self.sends_pdf = False
        """Whether one of them is a PDF that goes as it is, or by its address."""
        self.files: tuple[str, ...] = ()
        """How the request's documents go to the model: see `FilesSent`."""
        self.ended = False
        """Whether the stream has said that nothing follows: what comes all the same is not read."""
        self.deadline: float | None = None
        """The loop's time at which silence ends the answer; None until the answer needs nothing more."""
        self._splitter = ThinkSplitter()

    async def prepare_files(self, *, takes_pdf: bool, fetches: bool = True) -> FilesSent:
        """Puts text in the place of the documents that the model is not sent as they are. Raises `NotOffered`."""
        original = self._asked.original
        if original is not None and original.protocol == self.protocol:  # the client's own words, with its files
            self.files = name_files(self._asked)
        else:
            self.request, self.files = await prepare(self._asked, takes_pdf=takes_pdf, fetches=fetches)
            self.sends_pdf = has_documents(self.request)
        return FilesSent(self.files)

    @property
    def is_in_text(self) -> bool:
        """Whether the answer's text has begun, in which a `<think>` tag is quoted."""
        return self._splitter.is_done

    def add_tagged_text(self, text: str) -> Iterable[TextDelta | ReasoningDelta]:
        """Adds text in which the model may have written its reasoning between `<think>` tags."""
        if self._splitter.is_done:  # nearly always: this runs for each token
            return (self.add_text(text),)
        return self._add_pieces(self._splitter.feed(text))

    def add_texts(self, texts: list[str]) -> Iterable[TextDelta | ReasoningDelta]:
        """Adds pieces of such text at once, and empties the list."""
        text, is_none = "".join(texts), not texts
        texts.clear()
        return () if is_none else self.add_tagged_text(text)

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
