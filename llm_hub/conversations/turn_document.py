"""A turn as a JSON object: the prompt, who was asked and who answered, every attempt, the figures, the error.

    {"prompt": {"text": "Hello"}, "question": {"provider": "openai", "model": "…"}, "outcome": "answered",
     "text": "Hi!", "elapsed": 0.8, "response": {"provider": "openai", "model": "…", "usage": {…}, …}, …}

What is empty is left out. What comes back is checked field by field, since it may come from anybody's file.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

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
from llm_hub.conversations.coalescer import RouteEvent, Snapshot
from llm_hub.conversations.turn import Outcome, Question, Turn
from llm_hub.conversations.turn_schema import (
    MAX_COUNT,
    AttemptDocument,
    ErrorDocument,
    FileDocument,
    ResponseDocument,
    RouteEventDocument,
    TurnDocument,
)
from llm_hub.documents.kinds import DOCX_TYPE, PDF_TYPE, clean_name
from llm_hub.errors import LLMHubError, ProviderError, ShuttingDown, errors_by_kind
from llm_hub.redaction import redact as redact_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Redact = Callable[[str], str]

_BEGINNINGS = {PDF_TYPE: b"%PDF-", DOCX_TYPE: b"PK"}
"""What is in the first bytes of the files that are more than their text."""
INTERRUPTED = "LLM Hub was stopped while this answer was being written. This is what had come."
"""The note of an answer that was being written when its document was."""


def write_turn(turn: Turn, *, redact: Redact = redact_shapes, with_files: bool = True) -> dict[str, Any]:
    """A turn as a JSON object, without what is empty. `redact` takes keys out of names and errors."""
    answer, response, error = turn.answer, turn.answer.response, turn.answer.error
    document: dict[str, Any] = {
        "prompt": _filled(
            text=turn.prompt.text,
            images=[
                {"type": image.media_type, "data": base64.b64encode(image.data).decode()}
                for image in turn.prompt.images if with_files
            ],
            files=[_write_file(document) for document in turn.prompt.documents if with_files],
        ),
        "question": _filled(**{name: getattr(turn.question, name) for name in Question.__slots__}),
        "outcome": turn.outcome,
        **_filled(
            text=answer.text, reasoning=answer.reasoning, elapsed=answer.elapsed, first_token=answer.first_token,
            reasoned=answer.reasoned, route=[_write_event(event) for event in answer.route], note=turn.note,
            price=None if turn.price is None else f"{turn.price:f}",
            prices=[None if price is None else f"{price:f}" for price in turn.prices],
        ),
    }  # fmt: skip
    if response is not None:
        timing = response.timing
        document["response"] = _filled(
            provider=response.provider, model=response.model, usage=_counts(response.usage),
            finish_reason=response.finish_reason, first_token=timing.first_token if timing else None,
            total=timing.total if timing else None,
            attempts=[_write_attempt(attempt) for attempt in response.attempts],
            ignored=list(response.ignored), notes=list(response.notes), files=list(response.files),
        )  # fmt: skip
    if error is not None:
        document["error"] = _write_error(error)
    for part in ("question", "route", "response", "error"):
        if part in document:
            document[part] = _redacted(document[part], redact)
    if turn.question.system:
        document["question"]["system"] = turn.question.system  # as it was typed
    return document


def _redacted(value: Any, redact: Redact) -> Any:
    """The value, with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(each, redact) for name, each in value.items()}
    return [_redacted(each, redact) for each in value] if isinstance(value, list | tuple) else value


def read_turn(document: TurnDocument) -> Turn:
    """The turn of a checked document. Raises `ValueError`."""
    return _interrupted(_turn(document))


def prompt_message(text: str, files: Sequence[Image | Document]) -> Message:
    """A prompt: its files stand before what is asked about them."""
    parts: tuple[Part, ...] = (*files, *((Text(text),) if text.strip() else ()))
    return Message(Role.USER, parts if files else text)


def _write_file(document: Document) -> dict[str, Any]:
    return {
        "name": document.name,
        "type": document.media_type,
        **_filled(text=document.text, pages=document.pages, data=base64.b64encode(document.data).decode()),
    }


def _read_file(document: FileDocument) -> Document:
    """A document. What is in its bytes it has shown to be, and anything else is its text alone."""
    data = base64.b64decode(document.data, validate=True)
    kind = next((kind for kind, start in _BEGINNINGS.items() if document.type == kind and start in data[:1024]), "")
    text = (document.text or "").replace("\0", " ")
    return Document(clean_name(document.name), kind or "text/plain", text, data if kind else b"", document.pages)


def _interrupted(turn: Turn) -> Turn:
    """The turn, with a note if nobody writes its answer any more."""
    return replace(turn.with_outcome(), note=INTERRUPTED) if turn.outcome == "pending" else turn


def _filled(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}


def _counts(usage: Usage) -> dict[str, int]:
    """The counts that are some: a provider may send anything."""
    return {name: count for name, count in usage.items() if isinstance(count, int) and 0 <= count <= MAX_COUNT}


def _write_event(event: RouteEvent) -> dict[str, Any]:
    match event:
        case AttemptStarted(provider, model, number):
            return {"event": "attempt_started", "provider": provider, "model": model, "number": number}
        case AttemptFailed(attempt, retry_in):
            return {"event": "attempt_failed", "attempt": _write_attempt(attempt), "retry_in": retry_in}
        case Resumed(provider, model, characters):
            return {"event": "resumed", "provider": provider, "model": model, "characters": characters}


def _write_attempt(attempt: Attempt) -> dict[str, Any]:
    document = _filled(
        **{name: getattr(attempt, name) for name in Attempt.__slots__ if name not in ("usage", "price")},
    )
    return document if attempt.usage is None else {**document, "usage": _counts(attempt.usage)}


def _write_error(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, LLMHubError):
        return {"message": "Something went wrong inside LLM Hub.", "hint": "Its log says more. Trying again may help."}
    document = _filled(message=error.message, hint=error.hint)
    if isinstance(error, ShuttingDown):
        return {"kind": error.kind, **document}
    if not isinstance(error, ProviderError):
        return document
    attempts = [_write_attempt(attempt) for attempt in error.attempts]
    return {"kind": error.kind, **document, **_filled(detail=error.detail, attempts=attempts)}


def _turn(document: TurnDocument) -> Turn:
    response, error = document.response, document.error
    images = [Image(base64.b64decode(image.data, validate=True), image.type) for image in document.prompt.images]
    files = [_read_file(file) for file in document.prompt.files]
    answer = Snapshot(
        text=document.text,
        reasoning=document.reasoning,
        elapsed=document.elapsed,
        first_token=document.first_token,
        reasoned=document.reasoned,
        route=tuple(_event(event) for event in document.route),
        response=None if response is None else _response(response, document),
        error=None if error is None else _error(error),
    )
    return Turn(
        prompt=prompt_message(document.prompt.text, [*images, *files]),
        question=Question(**document.question.model_dump()),
        answer=answer,
        outcome=_outcome(document),
        price=document.price,
        prices=document.prices,
        note=document.note,
    )


def _outcome(document: TurnDocument) -> Outcome:
    """The outcome that the document claims, if the rest of it agrees."""
    missing = {"answered": document.response, "failed": document.error}.get(document.outcome, document) is None
    return "stopped" if missing else document.outcome


def _event(document: RouteEventDocument) -> RouteEvent:
    match document.event:
        case "attempt_started":
            return AttemptStarted(document.provider, document.model, document.number)
        case "attempt_failed":
            return AttemptFailed(_attempt(document.attempt or AttemptDocument()), document.retry_in)
        case "resumed":
            return Resumed(document.provider, document.model, document.characters)


def _attempt(document: AttemptDocument) -> Attempt:
    fields = document.model_dump()
    return Attempt(**{**fields, "usage": None if document.usage is None else _usage(document.usage)})


def _usage(counts: dict[str, int]) -> Usage:
    return cast("Usage", {name: count for name, count in counts.items() if name in Usage.__annotations__})


def _response(document: ResponseDocument, turn: TurnDocument) -> LLMResponse:
    return LLMResponse(
        content=turn.text,
        model=document.model,
        usage=_usage(document.usage),
        finish_reason=document.finish_reason,
        provider=document.provider,
        reasoning=turn.reasoning,
        timing=None if document.total is None else Timing(document.first_token, document.total),
        attempts=tuple(_attempt(attempt) for attempt in document.attempts),
        ignored=document.ignored,
        notes=document.notes,
        files=document.files,
    )


def _error(document: ErrorDocument) -> LLMHubError:
    if document.kind == ShuttingDown.kind:
        return ShuttingDown(document.message, hint=document.hint)
    kinds = errors_by_kind()
    if document.kind not in kinds:
        return LLMHubError(document.message, hint=document.hint)
    error = ProviderError.__new__(kinds[document.kind])
    ProviderError.__init__(error, document.message, hint=document.hint, detail=document.detail)
    error.attempts = tuple(_attempt(attempt) for attempt in document.attempts)
    return error
