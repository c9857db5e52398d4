"""What the page's script asks for when it opens a conversation, or begins a new one with given settings."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from llm_hub.conversations.document import is_id
from llm_hub.ui.chat.chat_view import ChatView

if TYPE_CHECKING:
    import gradio as gr

    from llm_hub.conversations.conversation import Conversation
    from llm_hub.ui.event_values import Updates

MAX_PROMPT_CHARS = 100_000
"""Characters of a prompt that an address may bring."""
MAX_SETTING_CHARS = 20_000

OPENED = """
window.llmHub = window.llmHub || {};
window.llmHub.name = (id, kept) => { props.value = { id, kept }; };
(window.llmHub.nameNext ??= {}).chat = (next) => {
  if (!props.value.id) props.value = { id: "", kept: props.value.kept, next };
};
window.llmHub.open = (wish) => trigger("open", wish);
const tell = () => window.dispatchEvent(new CustomEvent("llm-hub-opened", { detail: props.value }));
watch("value", tell);
tell();
"""
"""JavaScript between the server and the page's scripts.

`llmHub.open({id, number, settings, prompt, temporary})` shows a conversation: `id` "" begins a new one.
`llmHub.name(id, kept)` comes before it: prompts that are sent from now on are ones of this conversation, whenever the
server shows it. Where they begin one, `llmHub.nameNext` has given its id. The window's event `llm-hub-opened` carries
what is shown, each time that it changes: `ChatScreen.show_head` says what is in it. What answers an `open` has its
number as `wanted`.
"""


@dataclass(frozen=True, slots=True)
class OpenWish:
    """`name` is a conversation's id, "" for a new one, which may be `temporary`, and begin with settings by name
    (provider, model, system, temperature, max_tokens, chain) and a prompt in the box. `number` is how many wishes the
    tab has had by then: of two that are sent at almost the same time, the earlier one may arrive last. `leaf` is the
    last turn that the tab showed before its connection was lost, and `whole` whether it showed all before that. `begun`
    says that the page does not know whether there is such a conversation: a prompt was to begin it, and then the
    connection was lost. With `stays` a comparison is not brought to the front. `is_nonsense` says that what was asked
    for cannot be the id of a conversation.
    """

    name: str = ""
    number: int = 0
    temporary: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    prompt: str = ""
    leaf: int | None = None
    whole: bool = False
    begun: bool = False
    stays: bool = False
    is_nonsense: bool = False

    async def name_answer(self, updates: AsyncGenerator[Updates], opened: gr.HTML) -> AsyncGenerator[Updates]:
        """The updates that answer the wish, and say so."""
        async with aclosing(updates):
            async for update in updates:
                yield update | ({opened: update[opened] | {"wanted": self.number}} if opened in update else {})

    def view(self, conversation: Conversation) -> ChatView:
        """What the tab is to show of a conversation: what is newest, unless that is not a continuation of `leaf`."""
        wanted = ChatView.up_to(conversation, self.leaf, is_whole=self.whole)
        newest = wanted.moved_to(ChatView.newest(conversation).leaf)
        is_continued = wanted.leaf == 0 or wanted.leaf in (node.number for node in newest.path)
        return newest if is_continued else wanted


def parse_wish(event: gr.EventData) -> OpenWish:
    """The wish of an event. What is of a wrong shape is left out: anybody can send anything."""
    data: Any = event._data  # noqa: SLF001  # Gradio's own way to it
    data = data if isinstance(data, dict) else {}
    name, prompt, settings = data.get("id"), data.get("prompt"), data.get("settings")
    number = data.get("number")
    return OpenWish(
        name=name if isinstance(name, str) and is_id(name) else "",
        number=number if type(number) is int else 0,
        temporary=data.get("temporary") is True,
        settings={
            key: value
            for key, value in (settings.items() if isinstance(settings, dict) else ())
            if isinstance(value, str) and len(value) <= MAX_SETTING_CHARS
        },
        prompt=prompt[:MAX_PROMPT_CHARS] if isinstance(prompt, str) else "",
        leaf=data.get("leaf") if type(data.get("leaf")) is int else None,
        whole=data.get("whole") is True,
        begun=data.get("begun") is True,
        stays=data.get("stays") is True,
        is_nonsense=isinstance(name, str) and name != "" and not is_id(name),
    )


def read_id(opened: Any, key: Literal["id", "next"] = "id") -> str:
    """The id of the conversation that a tab shows, or the one that its next new conversation is to have; "": none."""
    name = opened.get(key) if isinstance(opened, dict) else None
    return name if isinstance(name, str) and is_id(name) else ""
