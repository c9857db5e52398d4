"""What the body of `POST /v1/responses` may contain: a chat in the words of OpenAI's newer protocol.

It is an open list: what is not named here goes on as it came to the providers that speak the same protocol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, PrivateAttr, Tag, TypeAdapter, ValidationError

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    MAX_TOOLS,
    Effort,
    FailFastList,
    JSONObject,
    ModelChain,
    Name,
    Number,
)
from llm_hub.api.dialects.chat_completions_body import AnyJSONFormat, TextFormat
from llm_hub.api.dialects.responses_input import (
    OWN_REASONING,
    InputItem,
    InputMessage,
    ItemReference,
    is_reference,
    is_state_item,
    read_items,
)
from llm_hub.api.dialects.responses_tools import (
    AddedTools,
    ResponseTool,
    ResponseToolChoice,
    ResponseToolName,
    chosen,
    demands_call,
    is_web_search,
    tools_by_name,
)
from llm_hub.api.open_parts import TOKEN_LIMITS, OpenBody, OpenModel, OptionalPart, UnreadPart, kind_among
from llm_hub.api.refusals import Refusal
from llm_hub.chat import ChatRequest, JSONFormat, Message, Order, OriginalRequest, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.api.stored_answers import CallerAnswers

GO_ON = "Go on."
"""What the user says where the conversation ends with the model's own words: agents send those back when a stream broke
off behind them, and OpenAI's models go on by themselves. Other protocols want somebody to speak to."""


class ResponseJSONFormat(OpenModel):
    type: Literal["json_schema"]
    name: Name
    schema_: JSONObject = Field(alias="schema")
    description: str | None = None
    strict: bool | None = None

    def format(self) -> JSONFormat:
        schema = self.schema_
        if self.description:
            schema = {"description": self.description, **schema}
        return JSONFormat(schema, self.name, self.strict)


OutputFormat = Annotated[
    Annotated[TextFormat, Tag("text")]
    | Annotated[AnyJSONFormat, Tag("json_object")]
    | Annotated[ResponseJSONFormat, Tag("json_schema")]
    | Annotated[UnreadPart, Tag("other")],
    kind_among("text", "json_object", "json_schema"),
]


class TextOptions(OpenModel):
    format: OutputFormat | None = None


class ReasoningOptions(OpenModel):
    """How long the model reasons. What it tells of that is always shown, whatever `summary` says."""

    effort: Effort | None = None
    summary: str | None = None


Input = str | Annotated[FailFastList[InputItem], Field(min_length=1, max_length=MAX_MESSAGES)]
_ITEMS: TypeAdapter[list[InputItem]] = TypeAdapter(
    Annotated[list[InputItem], Field(max_length=MAX_MESSAGES)], config=ConfigDict(defer_build=True)
)


class ResponsesBody(OpenBody):
    """The body of `POST /v1/responses`. `models`, the chain, and its `order` are the hub's
    own."""

    refused_fields: ClassVar = {
        "background": (None, False),
        "conversation": (None,),
        "n": (None, 1),
        "api_key": (None,),
    }
    protocol = "responses"
    neutral_values: ClassVar = {
        "include": (["reasoning.encrypted_content"],),
        "service_tier": ("auto", "default"),
        "text.verbosity": ("medium",),
        "top_logprobs": (0,),
        "truncation": ("disabled",),
    }
    common_ranges: ClassVar = {**OpenBody.common_ranges, "max_output_tokens": TOKEN_LIMITS}
    essential_fields = frozenset({"prompt"})
    free_fields = frozenset({
        "client_metadata", "include", "max_tool_calls", "prompt_cache_key", "prompt_cache_retention",
        "safety_identifier", "stream_options", "top_logprobs", "truncation", "user",
    })  # fmt: skip

    input: Input
    model: Name
    models: ModelChain | None = None
    order: Order | None = None
    instructions: str | None = None
    previous_response_id: Name | None = None
    store: bool | None = None
    metadata: Annotated[dict[str, str], Field(max_length=16)] | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    max_output_tokens: int | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    tools: Annotated[FailFastList[ResponseTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ResponseToolChoice | None = None
    parallel_tool_calls: bool | None = None
    _items: list[dict[str, Any]] | None = PrivateAttr(default=None)
    """The input as items, with those of earlier answers in their places; None: it refers to none."""
    _tool_names: dict[str, ResponseToolName] = PrivateAttr(default_factory=dict)
    _answers: CallerAnswers | None = PrivateAttr(default=None)

    @property
    def tool_names(self) -> dict[str, ResponseToolName]:
        """By the hub's name for a tool: what the client calls it."""
        return self._tool_names

    def sent(self, field: str) -> Any:
        """A field as the client wrote it; None: it is missing."""
        return self._sent.fields.get(field)

    def items(self) -> list[dict[str, Any]]:
        """The whole input as items, as they were written."""
        if self._items is not None:
            return self._items
        written = self._sent.fields["input"]
        return [{"type": "message", "role": "user", "content": written}] if isinstance(written, str) else written

    def recall(self, answers: CallerAnswers) -> None:
        """Puts what the input refers to in its place, out of the caller's earlier answers. Raises `Refusal`."""
        self._answers = answers
        own = self.items()
        earlier: list[dict[str, Any]] = []
        if self.previous_response_id is not None:
            previous = answers.get(self.previous_response_id)
            if previous is None:
                raise Refusal(
                    400,
                    f"Previous response with id '{self.previous_response_id}' not found. The hub keeps answers for an "
                    "hour, as far as there is room: send the whole conversation.",
                    field="previous_response_id",
                    code="previous_response_not_found",
                )
            earlier = list(previous.items)
        references = isinstance(self.input, list) and any(isinstance(item, ItemReference) for item in self.input)
        if references:
            known = answers.output_items()
            own = [_resolved(item, known) for item in own]
        if earlier or references:
            self._items = earlier + own
            try:
                self.input = _ITEMS.validate_python(self._items, strict=True)
            except ValidationError:
                raise Refusal(
                    400, f"input: with what it refers to it has more than {MAX_MESSAGES} items.", field="input"
                ) from None

    def keep(self, answer: dict[str, Any]) -> None:
        """Keeps a complete answer for later requests of the caller, unless the client wants it not to be stored."""
        if self._answers is not None and self.store is not False:
            self._answers.add(answer["id"], answer, [*self.items(), *answer["output"]])

    def request(self) -> ChatRequest:
        items = [InputMessage(role="user", content=self.input)] if isinstance(self.input, str) else self.input
        added = [tool for item in items if isinstance(item, AddedTools) for tool in item.tools]
        named = tools_by_name(self.tools or (), added)
        self._tool_names = {name: client_name for name, (_, client_name) in named.items()}
        has_others = any(isinstance(tool, OptionalPart | UnreadPart) for tool in (*(self.tools or ()), *added))
        tools, choice = chosen(
            self.tool_choice, {name: tool for name, (tool, _) in named.items()}, has_others=has_others
        )
        instructions = (Message(Role.SYSTEM, self.instructions),) if self.instructions else ()
        messages = (*instructions, *read_items(items))
        if _ends_with_answer(messages):
            messages = (*messages, Message(Role.USER, GO_ON))
        form = self.text.format if self.text else None
        original = self.original(len(messages))
        if demands_call(self.tool_choice) and not tools:  # that of a tool which only the vendor knows
            original = replace(original, essential=("tool_choice", *original.essential))
        return ChatRequest(
            messages,
            self.model,
            self.temperature,
            self.common_value("max_output_tokens"),
            fallback=None if self.models is None else tuple(self.models),
            order=self.order,
            tools=tools,
            tool_choice=choice,
            parallel_tools=self.parallel_tool_calls if tools else None,
            format=None if form is None or isinstance(form, UnreadPart) else form.format(),
            top_p=self.top_p,
            effort=self.reasoning.effort if self.reasoning else None,
            original=original,
        )

    def original(self, messages: int) -> OriginalRequest:
        original = super().original(messages)
        body = dict(original.body)
        if self.previous_response_id is not None:  # which the hub has put in
            del body["previous_response_id"]
        if self._items is not None or isinstance(self.input, list):
            body["input"] = [item for item in self.items() if not _is_own_reasoning(item)]
        return replace(original, body=body, surcharged=(*original.surcharged, *self._searches()))

    def _searches(self) -> Iterator[str]:
        """The places of the searches of the web among the tools: OpenAI takes a price for each."""
        given = [("tools", self.tools or ())]
        items = () if isinstance(self.input, str) else self.input
        given += [(f"input.{at}.tools", item.tools) for at, item in enumerate(items) if isinstance(item, AddedTools)]
        for place, tools in given:
            for at, tool in enumerate(tools):
                if isinstance(tool, OptionalPart) and is_web_search(tool.type):
                    yield f"{place}.{at}"


def _ends_with_answer(messages: tuple[Message, ...]) -> bool:
    """Whether it was the model that spoke last."""
    return next((m.role for m in reversed(messages) if m.role is not Role.SYSTEM), None) is Role.ASSISTANT


def _is_own_reasoning(item: dict[str, Any]) -> bool:
    """Whether an item is reasoning that the hub has made: Codex leaves out the id."""
    return item.get("type") == "reasoning" and (str(item.get("id")).startswith(OWN_REASONING) or is_state_item(item))


def _resolved(item: dict[str, Any], known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The item that a reference means. Raises `Refusal`."""
    if not is_reference(item):
        return item
    if item["id"] not in known:
        raise Refusal(
            404,
            f"Item with id '{item['id']}' not found. The hub keeps the items of answers for an hour, as far as there "
            "is room, and none of answers with store: false: send the item itself.",
            field="input",
        )
    return known[item["id"]]
