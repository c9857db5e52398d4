"""The parts of an item of `POST /v1/responses` that have its text, and the events of one while it streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llm_hub.api.dialects.responses_events import AnyEvent

PartKind = Literal["output_text", "summary_text", "reasoning_text"]
"""What a message says; and of reasoning the summary, or the model's own words, which servers of open models tell."""
PARTS: dict[str, tuple[PartKind, ...]] = {"message": ("output_text",), "reasoning": ("summary_text", "reasoning_text")}
"""The parts that items may have whose text streams. Where their vendor says nothing, it is the first."""
_NAMES: dict[PartKind, tuple[str, str, str]] = {
    "output_text": ("content_part", "output_text", "content_index"),
    "summary_text": ("reasoning_summary_part", "reasoning_summary_text", "summary_index"),
    "reasoning_text": ("content_part", "reasoning_text", "content_index"),
}
"""How the events of a part are called, those of its text, and its number among the parts of the item."""


class PartPlace(NamedTuple):
    """Which part of an item comes next."""

    kind: PartKind
    number: int


@dataclass(slots=True)
class OpenPart:
    """A part whose text streams."""

    place: PartPlace
    item_id: str
    output_index: int
    pieces: list[str] = field(default_factory=list)
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    cited: list[dict[str, Any]] = field(default_factory=list)
    """What the text cites, once that is known."""

    def value(self, text: str) -> dict[str, Any]:
        """The part with this text."""
        if self.place.kind != "output_text":
            return {"type": self.place.kind, "text": text}
        return {"type": "output_text", "text": text, "annotations": self.cited, "logprobs": self.logprobs}

    def added(self, number: int) -> AnyEvent:
        return self._event(f"{_NAMES[self.place.kind][0]}.added", number, part=self.value(""))

    def delta(self, number: int, text: str, logprobs: list[dict[str, Any]]) -> AnyEvent:
        """The event of the next piece of the text. `logprobs` say how likely its tokens were."""
        self.pieces.append(text)
        if self.place.kind != "output_text":
            return self._event(f"{_NAMES[self.place.kind][1]}.delta", number, delta=text)
        self.logprobs += logprobs
        return {
            "type": "response.output_text.delta", "sequence_number": number, "item_id": self.item_id,
            "output_index": self.output_index, "content_index": self.place.number, "delta": text, "logprobs": logprobs,
        }  # fmt: skip

    def cite(self, pages: list[dict[str, Any]], next_number: Callable[[], int]) -> Iterator[AnyEvent]:
        """The events of what the text cites."""
        self.cited += pages
        for at, page in enumerate(pages):
            added = {"annotation_index": at, "annotation": page}
            yield self._event("output_text.annotation.added", next_number(), **added)

    def text_done(self, number: int) -> AnyEvent:
        more: dict[str, Any] = {"logprobs": self.logprobs} if self.place.kind == "output_text" else {}
        return self._event(f"{_NAMES[self.place.kind][1]}.done", number, text="".join(self.pieces), **more)

    def done(self, number: int) -> AnyEvent:
        return self._event(f"{_NAMES[self.place.kind][0]}.done", number, part=self.value("".join(self.pieces)))

    def _event(self, name: str, number: int, **more: Any) -> AnyEvent:
        place = {"output_index": self.output_index, _NAMES[self.place.kind][2]: self.place.number}
        event = {"type": f"response.{name}", "sequence_number": number, "item_id": self.item_id, **place, **more}
        return cast("AnyEvent", event)


def announced_place(event: Any) -> PartPlace | None:
    """The place of the part that an event of a vendor's begins; None: it begins none whose text streams."""
    part, index = event.get("part"), event.get("content_index", event.get("summary_index"))
    kind = part.get("type") if isinstance(part, dict) else None
    return PartPlace(kind, index) if kind in _NAMES and isinstance(index, int) else None
