"""`POST /v1/embeddings`, in OpenAI's words: vectors of one model. No other model is ever asked in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NoReturn, cast

from pydantic import Field
from typing_extensions import TypedDict

from llm_hub.api.bodies import FailFastList, Name
from llm_hub.api.dialects.dialect import Dialect, hub_report
from llm_hub.api.dialects.openai_shapes import OPENAI_MODELS, OpenAIError, openai_error
from llm_hub.api.open_parts import OpenBody
from llm_hub.api.shapes import Count, HubReport
from llm_hub.chat import ChatRequest, Message, OriginalRequest, Role
from llm_hub.errors import InvalidRequest
from llm_hub.providers.openai_embeddings import EMBEDDINGS

if TYPE_CHECKING:
    from llm_hub.chat import LLMResponse

MAX_INPUTS = 2048
"""Texts of a request: as many as OpenAI takes."""
Token = Annotated[int, Field(ge=0, lt=2**31)]
Tokens = Annotated[FailFastList[Token], Field(min_length=1)]


class EmbeddingsBody(OpenBody):
    """The body of `POST /v1/embeddings`. Fields that are not named here go on to the provider as they are."""

    refused_fields: ClassVar = {"stream": (None, False), "models": (None, [])}
    protocol = EMBEDDINGS

    model: Name
    input: (
        Annotated[str, Field(min_length=1)]
        | Tokens
        | Annotated[FailFastList[str], Field(min_length=1, max_length=MAX_INPUTS)]
        | Annotated[FailFastList[Tokens], Field(min_length=1, max_length=MAX_INPUTS)]
    )
    encoding_format: Literal["float", "base64"] | None = None

    def request(self) -> ChatRequest:
        body = {name: value for name, value in self._sent.fields.items() if name not in ("model", *self.refused_fields)}
        sent = self._sent
        original = OriginalRequest(EMBEDDINGS, body, 1, sent.headers, essential=(EMBEDDINGS,), query=sent.passed_query)
        return ChatRequest(
            (Message(Role.USER, self._text()),), self.model, max_tokens=1, fallback=(), original=original
        )

    def _text(self) -> str:
        """What is to be read, as far as quotas count it: for each token two characters."""
        texts: list[Any] = self.input if isinstance(self.input, list) else [self.input]
        return " ".join(text if isinstance(text, str) else "xx" * (len(text) if isinstance(text, list) else 1)
            for text in texts)  # fmt: skip


class Vector(TypedDict):
    object: Literal["embedding"]
    index: Count
    embedding: list[float] | str


class EmbeddingsUsage(TypedDict):
    prompt_tokens: Count
    total_tokens: Count


class Embeddings(TypedDict):
    """The vectors, as numbers or, where base64 was asked for, as the bytes of 32-bit numbers."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: EmbeddingsUsage
    x_llm_hub: HubReport


def _answer(_: EmbeddingsBody, response: LLMResponse) -> Embeddings:
    reply = response.original.body if response.original is not None else {}
    tokens = response.usage.get("prompt_tokens", 0)
    written = {
        **reply,
        "object": "list",
        "data": [{**row, "object": "embedding", "index": number} for number, row in enumerate(reply["data"])],
        "model": f"{response.provider}/{response.model}",
        "usage": {**(reply.get("usage") or {}), "prompt_tokens": tokens, "total_tokens": tokens},
        "x_llm_hub": hub_report(response, EMBEDDINGS),
    }
    return cast("Embeddings", written)


def _no_writer(_: EmbeddingsBody) -> NoReturn:
    raise InvalidRequest("Embeddings are not streamed.")


EMBEDDINGS_DIALECT = Dialect(
    name="embeddings",
    path="/v1/embeddings",
    body=EmbeddingsBody,
    answer=_answer,
    writer=_no_writer,
    error=openai_error,
    models=OPENAI_MODELS,
    answer_shape=Embeddings,
    error_shape=OpenAIError,
    events=(),
    protocol_headers=("openai-",),
)
