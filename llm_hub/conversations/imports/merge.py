"""Whether an imported conversation is there already, as a whole or in part, so that nothing is doubled or lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.conversations.imports.message_tree import stable_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from llm_hub.conversations.conversation import Conversation


async def new_ones(
    imported: Sequence[Conversation], find: Callable[[str], Awaitable[tuple[Conversation | None, bool]]]
) -> list[Conversation]:
    """What is to be written of an import. `find` gives what is there under an id, and whether it is being written."""
    written = []
    for conversation in imported:
        for rename in (_as_it_is, as_copy):
            candidate = rename(conversation)
            there, is_in_use = await find(candidate.id)
            if there is not None and is_part_of(candidate, there):
                break
            if is_part_of(there, candidate) and not is_in_use:
                written.append(grown(there, candidate))
                break
    return written


def is_part_of(one: Conversation | None, other: Conversation | None) -> bool:
    """Whether every turn of a conversation also stands in another one, or is the beginning of what stands there."""
    if one is None or one.is_deleted:
        return True
    if other is None or other.is_deleted or len(one.nodes) > len(other.nodes):
        return False
    return all(
        (node.parent, node.pane) == (same.parent, same.pane)
        and node.turn.prompt == same.turn.prompt
        and same.turn.answer.text.startswith(node.turn.answer.text)
        for node, same in zip(one.nodes, other.nodes, strict=False)
    )


def _as_it_is(conversation: Conversation) -> Conversation:
    return conversation


def as_copy(conversation: Conversation) -> Conversation:
    """The conversation under another id, which is the same each time: for where its own id has gone another way."""
    texts = (text for node in conversation.nodes for text in (node.turn.prompt.text, node.turn.answer.text))
    return replace(conversation, id=stable_id(conversation.id, *texts))


def grown(there: Conversation | None, conversation: Conversation) -> Conversation:
    """The imported conversation as a newer version of what is there, whose title and pin stay."""
    if there is None:
        return conversation
    version = max(there.version, conversation.version) + 1
    nodes = [replace(node, version=version) for node in conversation.nodes]
    if there.is_deleted:
        return replace(conversation, version=version, nodes=nodes)
    return replace(
        conversation, version=version, nodes=nodes, title=there.title or conversation.title, pinned=there.pinned
    )
