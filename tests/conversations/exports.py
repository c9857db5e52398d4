"""Exports of other programs, written after their real shapes: each branches where a prompt was answered twice."""

from __future__ import annotations

from typing import Any

GLADLY = (
    "Gladly \ue200cite\ue202turn0search0\ue201 in "
    '\ue200entity\ue202["city","Paris","capital"]\ue201.\ue200cite\ue202turn0search1\ue201'
)
"""A text with marks of its sources and of a thing, as ChatGPT writes them."""


def chatgpt(*, name: str = "c1") -> list[dict[str, Any]]:
    """A root without a message, a hidden system message, reasoning, code that was run, and two answers."""
    messages: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
        ("system", "root", "system", {"content_type": "text", "parts": [""]},
            {"is_visually_hidden_from_conversation": True}),
        ("u1", "system", "user", {"content_type": "multimodal_text", "parts": [
            {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-x"}, "What is 2 + 2?"]}, {}),
        ("a1", "u1", "assistant", {"content_type": "text", "parts": ["Five."]}, {"model_slug": "gpt-4o"}),
        ("t2", "u1", "assistant", {"content_type": "thoughts", "thoughts": [
            {"summary": "Adding", "content": "Two and two."}]}, {}),
        ("c2", "t2", "assistant", {"content_type": "code", "language": "python", "text": "2 + 2"}, {}),
        ("e2", "c2", "tool", {"content_type": "execution_output", "text": "4"}, {}),
        ("a2", "e2", "assistant", {"content_type": "text", "parts": ["Four."]}, {"model_slug": "o3"}),
        ("u2", "a2", "user", {"content_type": "text", "parts": ["Thanks"]}, {}),
        ("a3", "u2", "assistant", {"content_type": "text", "parts": [GLADLY]}, {"model_slug": "o3",
            "content_references": [{"matched_text": "\ue200cite\ue202turn0search0\ue201", "alt": "([a](https://a.example))"}]}),
    ]  # fmt: skip
    mapping: dict[str, Any] = {"root": {"id": "root", "message": None, "parent": None, "children": ["system"]}}
    for place, (each, parent, role, content, metadata) in enumerate(messages):
        author: dict[str, Any] = {"role": role, "name": None, "metadata": {}}
        message = {"id": each, "author": author, "create_time": 1.7e9 + place, "content": content,
            "status": "finished_successfully", "weight": 1.0, "metadata": metadata, "recipient": "all"}  # fmt: skip
        mapping[each] = {"id": each, "message": message, "parent": parent, "children": []}
    return [{"title": "Sums", "create_time": 1.7e9, "update_time": 1.7e9 + 60, "mapping": mapping,
        "current_node": "a3", "conversation_id": name, "id": name, "is_archived": False}]  # fmt: skip


def claude(*, with_parents: bool = True) -> list[dict[str, Any]]:
    root = "00000000-0000-4000-8000-000000000000"
    messages = [
        ("m1", root, "human", [{"type": "text", "text": "Read this"}]),
        ("m2", "m1", "assistant", [{"type": "thinking", "thinking": "A note."}, {"type": "text", "text": "Read."},
            {"type": "tool_use", "name": "web_search", "input": {"query": "milk"}},
            {"type": "tool_use", "name": "artifacts", "input": {"title": "A page", "content": "<p>"}},
            {"type": "tool_result", "name": "artifacts", "content": [{"type": "text", "text": "OK"}]},
            {"type": "text", "text": "There it is."}]),
        ("m3", "m1", "assistant", [{"type": "text", "text": "Read again."}]),
        ("m4", "m3", "human", [{"type": "text", "text": "And now?"}]),
    ]  # fmt: skip
    attached = [{"file_name": "note.txt", "file_type": "txt", "extracted_content": "Buy milk"}]
    return [{
        "uuid": "9b4f", "name": "Notes", "created_at": "2026-01-02T03:04:05.000000Z",
        "updated_at": "2026-01-02T04:04:05.000000Z", "account": {"uuid": "x"},
        "chat_messages": [
            {"uuid": each, "text": "", "sender": sender, "content": content, "created_at": "2026-01-02T03:04:05Z",
                "attachments": attached if each == "m1" else [],
                "files": [{"file_name": "a.png"}] if each == "m4" else [],
                **({"parent_message_uuid": parent} if with_parents else {})}
            for each, parent, sender, content in messages
        ],
    }]  # fmt: skip


def open_webui() -> list[dict[str, Any]]:
    details = (
        '<details type="reasoning" done="true" duration="2">\n<summary>Thought for 2 seconds</summary>\n&gt; Hm.\n'
    )
    image = {"type": "image", "url": "data:image/png;base64,AAAA"}
    messages: list[dict[str, Any]] = [
        {"id": "1", "parentId": None, "childrenIds": ["2", "3"], "role": "user", "content": "Hello", "timestamp": 1.7e9,
            "files": [image, {"type": "file", "url": "x"}]},
        {"id": "2", "parentId": "1", "childrenIds": [], "role": "assistant", "model": "llama3:8b",
            "content": f"{details}</details>\nHi <b>you</b>", "timestamp": 1.7e9 + 1},
        {"id": "3", "parentId": "1", "childrenIds": [], "role": "assistant", "content": "Hey", "timestamp": 1.7e9 + 2},
    ]  # fmt: skip
    history = {"messages": {message["id"]: message for message in messages}, "currentId": "2"}
    chat = {"title": "Greetings", "models": ["llama3:8b"], "params": {"system": "Be kind."}, "history": history}
    return [{"id": "ow", "user_id": "u", "title": "Greetings", "chat": chat, "created_at": 1700000000,
        "updated_at": 1700000001, "pinned": True}]  # fmt: skip
