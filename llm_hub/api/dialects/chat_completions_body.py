"""What the body of `POST /v1/chat/completions` may contain: a chat in OpenAI's words.

It is an open list: what is not named here goes on as it came to the providers that speak the same protocol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, Tag

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    MAX_TOOLS,
    Effort,
    FailFastList,
    JSONObject,
    ModelChain,
    Name,
    Number,
    are_usual_stops,
)
from llm_hub.api.dialects.chat_completions_calls import CallFormat
from llm_hub.api.dialects.chat_completions_tools import (
    CompletionCustomTool,
    CompletionTool,
    CompletionToolChoice,
    chosen,
)
from llm_hub.api.dialects.chat_completions_turns import CompletionTurn, without_state
from llm_hub.api.open_parts import TOKEN_LIMITS, OpenBody, OpenModel, UnreadPart, kind_among
from llm_hub.api.refusals import Refusal
from llm_hub.chat import ChatRequest, JSONFormat, Order, OriginalRequest

if TYPE_CHECKING:
    from collections.abc import Mapping


class TextFormat(OpenModel):
    type: Literal["text"]

    def format(self) -> JSONFormat | None:
        return None


class AnyJSONFormat(OpenModel):
    type: Literal["json_object"]

    def format(self) -> JSONFormat | None:
        return JSONFormat()


class JSONSchema(OpenModel):
    name: Name
    description: str | None = None
    schema_: JSONObject | None = Field(None, alias="schema")
    strict: bool | None = None


class JSONSchemaFormat(OpenModel):
    type: Literal["json_schema"]
    json_schema: JSONSchema

    def format(self) -> JSONFormat | None:
        form = self.json_schema
        schema = form.schema_
        if schema is not None and form.description:
            schema = {"description": form.description, **schema}
        return JSONFormat(schema, form.name, form.strict)


ResponseFormat = Annotated[
    Annotated[TextFormat, Tag("text")]
    | Annotated[AnyJSONFormat, Tag("json_object")]
    | Annotated[JSONSchemaFormat, Tag("json_schema")]
    | Annotated[UnreadPart, Tag("other")],
    kind_among("text", "json_object", "json_schema"),
]


class StreamOptions(OpenModel):
    include_usage: bool | None = False
    include_obfuscation: bool | None = False


class ChatCompletionsBody(OpenBody):
    """The body of `POST /v1/chat/completions`. `models` is the chain, as OpenRouter has it; `order`
    is the hub's own."""

    refused_fields: ClassVar = {
        "n": (None, 1),
        "audio": (None,),
        "api_key": (None,),
    }
    protocol = "openai"
    neutral_values: ClassVar = {
        "frequency_penalty": (0,),
        "presence_penalty": (0,),
        "logit_bias": ({},),
        "store": (False,),
        "service_tier": ("auto", "default"),
        "verbosity": ("medium",),
        "logprobs": (False,),
        "top_logprobs": (0,),
        "modalities": (["text"],),
        "function_call": ("auto", "none"),
    }
    common_ranges: ClassVar = {
        **OpenBody.common_ranges,
        "max_tokens": TOKEN_LIMITS,
        "max_completion_tokens": TOKEN_LIMITS,
        "seed": (-(2**63), 2**63 - 1),
    }
    essential_fields = frozenset({
        "web_search_options", "search_parameters", "plugins", "grammar", "structured_outputs",
        "guided_json", "guided_regex", "guided_choice", "guided_grammar",
        "logprobs", "top_logprobs", "modalities", "functions", "function_call", "moderation",
    })  # fmt: skip
    free_fields = frozenset({
        "user", "safety_identifier", "metadata", "store", "prompt_cache_key", "prompt_cache_retention", "verbosity",
        "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "top_k", "min_p", "top_a",
        "chat_template_kwargs", "reasoning", "thinking", "enable_thinking", "keep_alive",
        "logprobs", "top_logprobs", "functions", "function_call",
    })  # fmt: skip

    messages: Annotated[FailFastList[CompletionTurn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name
    models: ModelChain | None = None
    order: Order | None = None
    stream_options: StreamOptions | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    reasoning_effort: Effort | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[FailFastList[CompletionTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: CompletionToolChoice | None = None
    parallel_tool_calls: bool | None = None

    @property
    def call_format(self) -> CallFormat:
        """How the client wants calls of its tools to be written."""
        custom = frozenset(tool.custom.name for tool in self.tools or () if isinstance(tool, CompletionCustomTool))
        return CallFormat(custom, is_legacy=bool((self.__pydantic_extra__ or {}).get("functions")))

    def request(self) -> ChatRequest:
        modalities = self._sent.fields.get("modalities")
        if isinstance(modalities, list) and "audio" in modalities:
            raise Refusal(
                400, "modalities: no audio can be answered.", field="modalities", code="unsupported_parameter"
            )
        tools, choice = chosen(self.tool_choice, self.tools or ())
        form = self.response_format
        limit = "max_tokens" if self.max_completion_tokens is None else "max_completion_tokens"
        messages = tuple(turn.message(f"messages.{number}") for number, turn in enumerate(self.messages))
        return ChatRequest(
            messages,
            self.model,
            self.temperature,
            self.common_value(limit),
            fallback=None if self.models is None else tuple(self.models),
            order=self.order,
            tools=tools,
            tool_choice=choice,
            parallel_tools=self.parallel_tool_calls if tools else None,
            format=None if form is None or isinstance(form, UnreadPart) else form.format(),
            stop=tuple(filter(None, self._stop_texts)),
            seed=self.common_value("seed"),
            top_p=self.top_p,
            effort=self.reasoning_effort,
            original=self.original(len(messages)),
        )

    @property
    def _stop_texts(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop or []

    def original(self, messages: int) -> OriginalRequest:
        original = super().original(messages)
        is_usual = are_usual_stops(self._stop_texts)
        return original if is_usual else replace(original, essential=("stop", *original.essential))

    def _own_words(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        body = super()._own_words(sent)
        body["messages"] = [without_state(turn) for turn in body["messages"]]
        return body
