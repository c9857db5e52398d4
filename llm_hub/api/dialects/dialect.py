"""What a dialect of the API is: how its requests are read, and how its answers, errors and lists are written.

A dialect is one object of `Dialect`, in a module of its own, and its place in `DIALECTS`. Everything else that has to
know about dialects goes through those: the endpoints, refusals before any endpoint, lists, and the OpenAPI description.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from llm_hub.api.bodies import Body, ChatBody
from llm_hub.api.dialects.citations import cited_pages
from llm_hub.api.refusals import attempt_of, error_of, vendors_error
from llm_hub.errors import ProviderError
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from llm_hub.api.refusals import Refusal
    from llm_hub.api.replies import Writer
    from llm_hub.api.shapes import ErrorObject, HubReport
    from llm_hub.chat import LLMResponse, ToolCall, Usage
    from llm_hub.errors import LLMHubError
    from llm_hub.gateway.token_count import TokenCount


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that can be asked. `id` is the name that requests give it; `context` its window in tokens, if known."""

    id: str
    owner: str
    title: str
    context: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelListFormat:
    """How a dialect writes a model and a list of models. The shapes are what the two functions return."""

    model: Callable[[ListedModel], object]
    model_list: Callable[[Sequence[ListedModel]], object]
    model_shape: object
    model_list_shape: object


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """The shape of a kind of event of a stream. Its data is JSON of that shape, or with `text` a bare text of it."""

    shape: object
    name: str = ""
    text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswerFormat:
    """For a dialect whose clients may refer to earlier answers, read and delete them by their ids, at `{path}/{id}`.

    `title` is what the dialect calls an answer, and `deleted` writes the reply to a DELETE.
    """

    title: str
    deleted: Callable[[str], object]
    deleted_shape: object


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCountFormat:
    """How a dialect asks for the tokens of a request that is not made, and how it writes them."""

    path: str
    body: type[ChatBody]
    answer: Callable[[TokenCount], object]
    answer_shape: object


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dialect(Generic[Body]):
    """How one endpoint is spoken to, and how it answers.

    The shapes are TypedDicts: what `answer` returns, what `error` returns, and the data of what `writer` writes.
    """

    name: str
    """What the endpoint is called in the OpenAPI description, its `operationId`."""
    path: str
    body: type[Body]
    answer: Callable[[Body, LLMResponse], object]
    """The body of an answer. Raises `LLMHubError` for one that this dialect cannot express."""
    writer: Callable[[Body], Writer]
    """Writes the events of a stream."""
    error: Callable[[int, ErrorObject], tuple[int, object]]
    """The status and the body of a refusal."""
    models: ModelListFormat
    answer_shape: object
    error_shape: object
    events: tuple[StreamEvent, ...]
    stored_answers: StoredAnswerFormat | None = None
    token_count: TokenCountFormat | None = None
    client_header: str = ""
    """A header, in lower case, that this dialect's clients send and nobody else does. With it they are recognised at
    endpoints that all dialects share, and where there is no endpoint."""
    protocol_headers: tuple[str, ...] = ()
    """How the headers begin, in lower case, that belong to the vendor's protocol and go on to the vendor."""
    refused_paths: Mapping[str, str] = field(default_factory=dict)
    """Paths to which this dialect's clients POST and which the hub does not offer, each with the reason."""


def error_reply(dialect: Dialect[Any], error: LLMHubError | Refusal) -> tuple[int, object]:
    """The status and the body of a refusal: its vendor's own where that speaks the dialect's protocol."""
    status, report = error_of(error)
    written, body = dialect.error(status, report)
    if (vendors := vendors_error(error, dialect.body.protocol)) is None:
        return written, body
    original = error.original if isinstance(error, ProviderError) else None
    return (original and original.status) or written, vendors


def calls_and_late_text(response: LLMResponse) -> Iterator[ToolCall | str]:
    """The calls of an answer, and the text that followed them, in the order in which they came."""
    for number, call in enumerate(response.tool_calls):
        yield from (text for before, text in response.late_text if before == number)
        yield call
    yield from (text for before, text in response.late_text if before >= len(response.tool_calls))


def as_told(told: Mapping[str, Any] | None, counts: Mapping[str, Any]) -> dict[str, Any]:
    """An answer's tokens as a vendor of the same protocol told them, with the hub's counts of what it has not told, or
    not as a whole number."""
    whole = dict(counts)
    for name, value in (told or {}).items():
        if isinstance(value, dict):
            whole[name] = as_told(value, whole.get(name) or {})
        elif name not in whole or isinstance(value, int):
            whole[name] = value
    return whole


def hub_report(response: LLMResponse, protocol: str = "") -> HubReport:
    """Who really answered, and every attempt. `protocol` is the one in which the answer is written."""
    return {
        "provider": response.provider,
        "model": response.model,
        "finish_reason": response.finish_reason,
        "ignored": response.ignored,
        "notes": (*response.notes, *_uncounted(response.usage), *_unwritten(response, protocol)),
        "attempts": [attempt_of(attempt) for attempt in response.attempts],
    }


def _uncounted(usage: Usage) -> tuple[str, ...]:
    """The note about a half of the tokens that is unknown, since no other dialect than the hub's own can leave it out.

    An answer without any count speaks for itself.
    """
    missing = [half for name, half in _HALVES.items() if name not in usage]
    return (f"The provider did not count the tokens of {' and '.join(missing)}.",) if usage and missing else ()


_HALVES = {"prompt_tokens": "the prompt", "completion_tokens": "the answer"}


def _unwritten(response: LLMResponse, protocol: str) -> tuple[str, ...]:
    """The note about what an answer has in its vendor's own shape alone, for a client of another protocol."""
    original = response.original
    if original is None or original.protocol == protocol:
        return ()
    if original.protocol == "anthropic":
        blocks = [block for block in original.body.get("content") or () if isinstance(block, dict)]
        names = {"citations" for block in blocks if block.get("citations")}  # other blocks have a note of the answer's
    else:
        fields = {**original.body, **(original.body.get("message") or {})}
        names = {name for name, value in fields.items() if value not in (None, [], {}, "")} & _CONTENT_FIELDS
    if protocol in ("openai", "responses") and cited_pages(response):
        names = names - {"annotations" if original.protocol == "openai" else "citations"}
    if not names:
        return ()
    listing = ", ".join(sorted(names))
    return (redact(f"The answer has parts that could not be written in this client's protocol: {listing}."),)


_CONTENT_FIELDS = frozenset({"citations", "annotations", "search_results", "images", "audio"})
"""Fields in OpenAI's shape that a reader would miss. The others tell of the server."""


def begins_with_field(error: ErrorObject) -> bool:
    """Whether the message begins with the field of the body that is to blame."""
    return error["message"].startswith(f"{error['param']}:")
