"""What a provider is asked: the conversation, the tools, the settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llm_hub.chat.message import Message


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to be called. `parameters` is a JSON schema of its arguments' object.

    `strict` asks for arguments that always follow the schema; None is the provider's own default.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OneTool:
    """The tool that the model must call."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | OneTool
Order = Literal["given", "fastest", "cheapest"]
"""How the models of a route are asked: as they are named, by the measured wait for a first token, or by price."""
"""Whether tools are called: as the model likes, never, at least one, or exactly this one."""


@dataclass(frozen=True, slots=True)
class JSONFormat:
    """The answer is to be JSON: of this schema, or without one any object. `name` is the schema's, for the vendor."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    """A request as its client wrote it. An adapter that speaks the same protocol sends it on as it came, so that
    nothing is lost for which the hub has no word.

    `protocol` is "openai" (chat completions), "anthropic" (messages) or "responses" (OpenAI's). `body` is the client's
    JSON object, `headers` are those of the client's that belong to the protocol, such as `anthropic-beta`, and `query`
    is the URL's, such as `beta=true`. `messages` says how many of the `ChatRequest`'s messages the body holds: those
    after them were added by the hub.

    The rest names fields of the body for which the hub has no word. A provider of another protocol is asked without
    those in `untranslated`, which its answer names as ignored. It is not asked at all where there are `essential` ones:
    its answer would not be what the client wants. Those in `surcharged` may raise the price of a provider of the same
    protocol. `caches_an_hour`: a mark asks Anthropic's cache to keep what is before it for an hour.
    """

    protocol: str
    body: Mapping[str, Any] = field(repr=False)
    messages: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    untranslated: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    surcharged: tuple[str, ...] = ()
    query: str = ""
    caches_an_hour: bool = False


NO_PROTOCOL = "none"
"""The protocol of an `OriginalRequest` that nobody is to be sent as it came."""
_EFFORTS_BY_BUDGET = ((0, "none"), (4096, "low"), (16_384, "medium"), (math.inf, "high"))
"""The most tokens of reasoning that an effort stands for. Claude Code's own steps are 4,000, 10,000 and 31,999."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a provider is asked. None means the model's own default.

    `model` is the provider's own name for it inside an adapter, and `provider/model` outside one.
    `temperature` is the vendor's scale (0 to 2, or 0 to 1 at Anthropic); `max_tokens` counts tokens of the answer,
    reasoning included. `fallback` names the targets, as `provider/model`, that are asked when `model` cannot answer:
    in order, () for none, None for the hub's own route; `order` puts those of a route into another order, None is the
    hub's own. An adapter has no use for either.

    The rest passes through to providers that take it (`LLMProvider.takes`), and is refused for those that do not:
    `tools` and how they are chosen, `parallel_tools` whether several may be called at once, `format` the form of the
    answer, `stop` texts that end it, `seed` for sampling that can be repeated, `top_p` (0 to 1) the share of likely
    tokens, `effort` the vendor's word for how long to reason ("low", "medium", "high", …). `thinking_budget` says the
    same in tokens, 0 for not at all: Anthropic's older way, for which others have an effort at most.
    `original` is the request in its client's own words. What the hub may change holds for it as well: the model, the
    limit, the format, and what follows its messages.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    fallback: tuple[str, ...] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: JSONFormat | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_p: float | None = None
    effort: str | None = None
    thinking_budget: int | None = None
    original: OriginalRequest | None = None
    order: Order | None = None

    def of_model(self, model: str | None) -> ChatRequest:
        """The same request of another model. Field by field: `replace` takes three times as long, and this is every
        answer."""
        return ChatRequest(
            self.messages,
            model,
            self.temperature,
            self.max_tokens,
            self.fallback,
            self.tools,
            self.tool_choice,
            self.parallel_tools,
            self.format,
            self.stop,
            self.seed,
            self.top_p,
            self.effort,
            self.thinking_budget,
            self.original,
            self.order,
        )

    @property
    def wanted_effort(self) -> str | None:
        """The effort, for models that know no budget: that of the request, else what its budget amounts to."""
        if self.effort is not None or self.thinking_budget is None:
            return self.effort
        return next(effort for most, effort in _EFFORTS_BY_BUDGET if self.thinking_budget <= most)
