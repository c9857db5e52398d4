"""The shape of a turn's document, which is checked field by field: it may come from anybody's file."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from llm_hub.documents.kinds import MAX_NAME_CHARS
from llm_hub.documents.limits import MAX_PAGES, MAX_TEXT_CHARS

MAX_ATTEMPTS = 1000
"""Attempts at one answer: a route has at most 20 models, each of which is asked a few times."""
PRICE_PLACES = 18
"""Decimal places of a price that are read."""


def _rounded(price: Decimal) -> Decimal:
    exponent = price.as_tuple().exponent
    return round(price, PRICE_PLACES) if isinstance(exponent, int) and exponent < -PRICE_PLACES else price


Price = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False), AfterValidator(_rounded)]
Seconds = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
MAX_COUNT = 2**53
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class StoredModel(BaseModel):
    """A part of a document. What pydantic checks it with is built when the first document is read."""

    model_config = ConfigDict(extra="ignore", strict=False, defer_build=True)


_PROBLEMS = {
    "missing": "is missing", "string_type": "should be a text", "list_type": "should be a list",
    "model_type": "should be an object", "dict_type": "should be an object",
}  # fmt: skip


def first_problem(error: ValidationError) -> str:
    """What is wrong in a document and where, without what somebody wrote there, and without a name of our own."""
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(step)[:40] for step in first["loc"])[:100]
    problem = _PROBLEMS.get(first["type"]) or first["msg"].replace("Input should", "should", 1)[:200]
    return f"{place or 'it'} {problem}" if problem.startswith(("is ", "should ")) else f"{place or 'it'}: {problem}"


class ImageDocument(StoredModel):
    type: Literal["image/png", "image/jpeg", "image/gif", "image/webp"]
    data: str


class FileDocument(StoredModel):
    """A file with words in it. `data` is base64, of those that are more than their text."""

    name: Annotated[str, Field(max_length=MAX_NAME_CHARS)]
    type: Annotated[str, Field(max_length=100)] = "text/plain"
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | None = None
    pages: Annotated[int, Field(ge=0, le=MAX_PAGES)] = 0
    data: str = ""


class PromptDocument(StoredModel):
    text: str = ""
    files: Annotated[list[FileDocument], Field(max_length=64)] = []
    images: Annotated[list[ImageDocument], Field(max_length=64)] = []


class QuestionDocument(StoredModel):
    provider: str = ""
    model: str = ""
    system: str = ""
    temperature: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max_tokens: Count | None = None
    fallback: tuple[str, ...] | None = None
    tries: Count = 0
    effort: Literal["low", "medium", "high"] | None = None


class AttemptDocument(StoredModel):
    provider: str = ""
    model: str = ""
    started: Seconds = 0
    seconds: Seconds = 0
    first_token: Seconds | None = None
    outcome: str = ""
    reason: str = ""
    wait: Seconds = 0
    usage: dict[str, Count] | None = None
    files: tuple[str, ...] = ()


Attempts = Annotated[list[AttemptDocument], Field(max_length=MAX_ATTEMPTS)]


class RouteEventDocument(StoredModel):
    event: Literal["attempt_started", "attempt_failed", "resumed"]
    provider: str = ""
    model: str = ""
    number: Count = 0
    characters: Count = 0
    attempt: AttemptDocument | None = None
    retry_in: Seconds | None = None


class ResponseDocument(StoredModel):
    provider: str = ""
    model: str = ""
    usage: dict[str, Count] = {}
    finish_reason: str = "stop"
    first_token: Seconds | None = None
    total: Seconds | None = None
    attempts: Attempts = []
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class ErrorDocument(StoredModel):
    kind: str = ""
    message: str = ""
    hint: str = ""
    detail: str = ""
    attempts: Attempts = []


class TurnDocument(StoredModel):
    prompt: PromptDocument
    question: QuestionDocument = QuestionDocument()
    outcome: Literal["pending", "answered", "stopped", "failed"]
    text: str = ""
    reasoning: str = ""
    elapsed: Seconds = 0
    first_token: Seconds | None = None
    reasoned: Seconds | None = None
    route: Annotated[list[RouteEventDocument], Field(max_length=3 * MAX_ATTEMPTS)] = []
    response: ResponseDocument | None = None
    error: ErrorDocument | None = None
    price: Price | None = None
    prices: tuple[Price | None, ...] = ()
    note: str = ""
