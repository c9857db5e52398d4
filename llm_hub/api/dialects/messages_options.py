"""The options of a chat in Anthropic's words: the form of the answer, and thinking."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from llm_hub.api.bodies import Effort, JSONObject
from llm_hub.api.open_parts import OpenModel, OptionalPart, UnreadPart, kind_among

MAX_THINKING_BUDGET = 10**9
"""Tokens."""
_KNOWN_DISPLAYS = ("summarized", "omitted")


class JSONOutputFormat(OpenModel):
    type: Literal["json_schema"]
    schema_: JSONObject = Field(alias="schema")


class OutputConfig(OpenModel):
    effort: Effort | None = None
    format: (
        Annotated[
            Annotated[JSONOutputFormat, Tag("json_schema")] | Annotated[UnreadPart, Tag("other")],
            kind_among("json_schema"),
        ]
        | None
    ) = None


class ThinkingOption(OpenModel):
    """Whether the client is shown the model's reasoning. How long it reasons is `output_config.effort`, or in an older
    way the budget of tokens."""

    type: Literal["disabled", "adaptive", "enabled"]
    display: Literal["summarized", "omitted"] | None = None
    budget_tokens: Annotated[int, Field(ge=0, le=MAX_THINKING_BUDGET)] | None = None

    @property
    def budget(self) -> int | None:
        """Tokens of reasoning, where the client says how many."""
        return 0 if self.type == "disabled" else self.budget_tokens if self.type == "enabled" else None


Thinking = Annotated[
    Annotated[ThinkingOption, Tag("disabled")]
    | Annotated[ThinkingOption, Tag("adaptive")]
    | Annotated[ThinkingOption, Tag("enabled")]
    | Annotated[OptionalPart, Tag("other")],
    kind_among(
        "disabled", "adaptive", "enabled", is_read=lambda option: option.get("display") in (None, *_KNOWN_DISPLAYS)
    ),
]
"""An answer is good without a way of thinking that the hub does not know: it is named as ignored."""
