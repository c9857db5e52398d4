"""Files of conversations: what other programs export, what LLM Hub saved, and what means harm."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_hub.conversations.document import encode, read_document, write_document
from llm_hub.conversations.imports import file
from llm_hub.conversations.imports.file import MAX_FILE_BYTES, read_file
from llm_hub.conversations.imports.merge import as_copy, grown, is_part_of
from llm_hub.errors import InvalidRequest
from llm_hub.ui.render.conversation_file import ZipArchive, write_file
from tests.conversations import exports
from tests.conversations.generated import conversations, simple_turn

if TYPE_CHECKING:
    from llm_hub.conversations.conversation import Conversation

Row = tuple[int, int, str, str]


def read(value: Any) -> Conversation:
    """The one conversation of an export. What was read can be kept."""
    [conversation] = read_file(orjson.dumps(value))
    document = write_document(conversation)
    assert write_document(read_document(orjson.loads(encode(document)))) == document
    return conversation


def rows(conversation: Conversation) -> list[Row]:
    return [(node.number, node.parent, node.turn.prompt.text, node.turn.answer.text) for node in conversation.nodes]


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def problem(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as refused:
        read_file(body)
    return refused.value.message


def test_chatgpts_tree_with_its_versions_reasoning_and_code() -> None:
    conversation = read(exports.chatgpt())
    code = "```python\n2 + 2\n```\n\n```\n4\n```\n\nFour."
    assert rows(conversation) == [
        (1, 0, "What is 2 + 2?", "Five."), (2, 0, "What is 2 + 2?", code),
        (3, 2, "Thanks", "Gladly ([a](https://a.example)) in Paris."),
    ]  # fmt: skip
    assert (conversation.title, conversation.leaves, conversation.created_at) == ("Sums", {0: 3}, 1.7e9)
    turn = conversation.nodes[1].turn
    assert (turn.question.target, turn.outcome, turn.answer.reasoning) == (
        "ChatGPT/o3",
        "answered",
        "Adding\n\nTwo and two.",
    )
    assert turn.note == "One file or picture is missing here: the export of ChatGPT does not hold them."


def test_claudes_branches_thinking_attachments_and_what_is_missing() -> None:
    conversation = read(exports.claude())
    prompt = "Read this\n\nnote.txt:\n```\nBuy milk\n```"
    read_it = "Read.\n\nA page:\n```\n<p>\n```\n\nThere it is."
    assert rows(conversation) == [(1, 0, prompt, read_it), (2, 0, prompt, "Read again."), (3, 2, "And now?", "")]
    first, _, last = (node.turn for node in conversation.nodes)
    assert (first.answer.reasoning, first.note) == ("A note.", "What its tools did is not here (web_search).")
    assert (last.outcome, last.note[:7]) == ("stopped", "One fil")
    assert (conversation.title, conversation.changed_at) == ("Notes", 1767326645.0)


def test_an_older_claude_export_is_one_line_of_messages() -> None:
    assert [row[3] for row in rows(read(exports.claude(with_parents=False)))] == [
        "Read.\n\nA page:\n```\n<p>\n```\n\nThere it is.\n\nRead again.",
        "",
    ]


def test_open_webuis_tree_images_reasoning_and_system_prompt() -> None:
    conversation = read(exports.open_webui())
    assert rows(conversation) == [(1, 0, "Hello", "Hi <b>you</b>"), (2, 0, "Hello", "Hey")]
    assert (conversation.leaves, conversation.pinned, conversation.title) == ({0: 1}, True, "Greetings")
    turn = conversation.nodes[0].turn
    assert (turn.answer.reasoning, turn.question.system, len(turn.prompt.images)) == ("Hm.", "Be kind.", 1)
    assert turn.note.startswith("One file")


def test_open_webuis_tools_are_shown_as_code_and_its_errors_are_told() -> None:
    [value] = exports.open_webui()
    tool = (
        '<details type="tool_calls" done="true" id="t" name="weather" arguments="{&quot;city&quot;: 1}" result="Sunny">'
    )
    ran = '<details type="code_interpreter" done="true" duration="1" output="4">'
    summary = "\n<summary>Done</summary>\n"
    text = f"{tool}{summary}</details>\n{ran}{summary}```python\n2 + 2\n```\n</details>\nIt is 4."
    value["chat"]["history"]["messages"]["2"]["content"] = text
    value["chat"]["history"]["messages"]["3"] |= {"content": "", "error": {"content": "500: Ollama\nis away."}}
    first, second = (node.turn for node in read([value]).nodes)
    call = '```\nweather({"city": 1})\n```\n\n```\nSunny\n```'
    assert first.answer.text == f"{call}\n\n```python\n2 + 2\n```\n\n```\n4\n```\n\nIt is 4."
    assert second.note.startswith("Open WebUI says that it failed: 500: Ollama is away. One file")


def test_what_chatgpt_told_a_tool_is_code() -> None:
    [value] = exports.chatgpt()
    value["mapping"]["c2"]["message"] |= {
        "recipient": "dalle.text2im", "content": {"content_type": "text", "parts": ['{"prompt": "A *cat*"}']}
    }  # fmt: skip
    assert read([value]).nodes[1].turn.answer.text.startswith('```\n{"prompt": "A *cat*"}\n```\n\n')


def test_null_is_nothing_wherever_a_program_writes_it() -> None:
    [asked] = exports.chatgpt()
    expected = rows(read([asked]))
    asked["mapping"]["u1"]["message"]["author"] = asked["mapping"]["gone"] = asked["title"] = None
    asked["mapping"]["t2"]["message"]["content"]["thoughts"].append(None)
    assert rows(read([asked, {"title": "Empty", "mapping": None}])) == expected
    [noted] = exports.claude()
    expected = rows(read([noted]))
    noted["chat_messages"][1]["content"].append(None)
    noted["chat_messages"].append(None)
    assert rows(read([noted, {"uuid": "empty", "chat_messages": None}])) == expected
    [greeted] = exports.open_webui()
    expected = rows(read([greeted]))
    greeted["chat"]["history"]["messages"] |= {"9": None}
    greeted["chat"]["history"]["messages"]["1"]["files"].append(None)
    assert rows(read([greeted, {"chat": {"history": None, "messages": None}}])) == expected


def test_half_of_very_many_details_are_read_at_once() -> None:
    text = (
        '<details type="reasoning"><summary></summary>' * 100_000
    )  # it took hours, with their ends looked for by each
    assert len(read([{"chat": {"messages": [{"role": "assistant", "content": text}]}}]).nodes) == 1
    text = '<details type="reasoning"' * 200_000
    assert len(read([{"chat": {"messages": [{"role": "assistant", "content": text}]}}]).nodes) == 1


def test_code_with_fences_in_it_stays_one_block() -> None:
    [value] = exports.chatgpt()
    code = "Read:\n````md\n```\nx\n```\n````"
    value["mapping"]["c2"]["message"]["content"]["text"] = code
    assert f"`````python\n{code}\n`````\n" in read([value]).nodes[1].turn.answer.text


def test_an_old_open_webui_export_is_a_plain_list() -> None:
    [value] = exports.open_webui()
    value["chat"]["messages"] = [value["chat"]["history"]["messages"][name] for name in "12"]
    del value["chat"]["history"]
    assert [row[3] for row in rows(read([value]))] == ["Hi <b>you</b>"]


def test_an_import_has_the_same_ids_each_time() -> None:
    for export in (exports.chatgpt(), exports.claude(), exports.open_webui()):
        assert read(export).id == read(export).id
    assert read(exports.chatgpt()).id != read(exports.chatgpt(name="c2")).id


def test_a_zip_of_chatgpt_is_read_without_its_other_files() -> None:
    body = zipped({
        "user.json": b'{"id": "me"}', "conversations-000.json": orjson.dumps(exports.chatgpt()),
        "conversations-001.json": orjson.dumps(exports.chatgpt(name="c2")), "chat.html": b"<html>",
    })  # fmt: skip
    assert len(read_file(body)) == 2


@settings(max_examples=40, deadline=None)
@given(conversations())
def test_what_is_saved_comes_back_equal(conversation: Conversation) -> None:
    document = write_document(read_document(orjson.loads(encode(write_document(conversation)))))
    conversation = read_document(document)
    archive = ZipArchive()
    archive.add(conversation, str)
    archive.end()
    as_json = write_file(conversation, "json", str)
    for body in (as_json, b"[" + as_json + b"]", b'{"documents":[' + as_json + b"]}", archive.file.read()):
        [again] = read_file(body)
        assert write_document(again, redact=str) == write_document(conversation, redact=str)
    archive.file.close()


def test_a_later_export_grows_what_is_there_and_another_way_is_a_copy() -> None:
    longer = read(exports.chatgpt())
    [value] = exports.chatgpt()
    del value["mapping"]["a3"], value["mapping"]["u2"]
    shorter = read([value])
    assert is_part_of(shorter, longer)
    assert not is_part_of(longer, shorter)
    shorter.rename("Mine")
    again = grown(shorter, longer)
    assert (again.title, len(again.nodes), again.version > shorter.version) == ("Mine", 3, True)
    shorter.add(simple_turn("Something else", "Yes"))
    assert not is_part_of(shorter, longer)
    assert not is_part_of(longer, shorter)
    assert as_copy(longer).id == as_copy(longer).id != longer.id


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"# Markdown", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'[{"mapping": ' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"}]", "nested too deeply"),
        (b'[{"mapping": {"__proto__": {"message": null}}}]', "__proto__"),
        (b'{"format": "llm-hub/1", "id": "0123456789abcdef", "setup": {"__proto__": {}}}', "__proto__"),
        (b"[1, 2]", "not an export"),
        (b'{"hello": "you"}', "not an export"),
        (b'[{"mapping": {}}] and more', "not JSON"),
        (b'[{"mapping": {}}', "not JSON"),
        (b'[{"mapping": {}}]', "no conversation in it"),
        (b'[{"mapping": []}]', "in conversation 1, mapping should be an object."),
        (b'[{"mapping": null}, {"mapping": {"a": {"message": []}}}]', "2, mapping.a.message should be an object."),
        (b'[{"chat_messages": [{"uuid": 7}]}]', "chat_messages.0.uuid should be a text."),
        (b'[{"chat_messages": [{"text": ""}]}]', "chat_messages.0.uuid is missing."),
        (b'[{"chat_messages": [{"uuid": "a"}, {"uuid": "a"}]}]', "same id"),
        (b'[{"chat": {"history": {"messages": {"a": {"role": []}}}}}]', "role"),
        (b'[{"mapping": {"a": {"parent": "b"}, "b": {"parent": "a"}}}]', "circle"),
        (b'[{"mapping": {"a": {"parent": "a"}}}]', "circle"),
        (b"PK\x03\x04" + b"x" * 100, "ZIP"),
        (b"PK\x03\x04" + b"x" * 100 + b"PK\x05\x06" + b"\0" * 18, "no conversation in it"),
        (b"PK\x03\x04" + b"x" * 100 + b"PK\x05\x06" + b"\xff" * 18, "ZIP"),
        (zipped({"photo.png": b"x"}), "no conversation in it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_in_plain_words(body: bytes, why: str) -> None:
    assert why in problem(body)


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "100 MB" in problem(b" " * (MAX_FILE_BYTES + 1))
    assert "too long" in problem(b'[{"mapping": [' + b"[]," * 1_200_000 + b"[]]}]")
    monkeypatch.setattr(file, "MAX_UNPACKED_BYTES", 2**21)
    bomb = zipped({"a.json": b"[" + b" " * 2**22 + b"]"})
    assert len(bomb) < 2**16
    assert "unpacks to more" in problem(bomb)


def test_a_wrong_conversation_refuses_the_others_too() -> None:
    assert "mapping" in problem(orjson.dumps([*exports.chatgpt(), {"mapping": 7}]))


def test_a_million_messages_are_refused() -> None:
    lines = [{"uuid": str(number), "sender": "human", "text": "x"} for number in range(30_000)]
    assert "too long" in problem(orjson.dumps([{"chat_messages": lines}]))


def test_a_long_chain_of_branches_is_refused_before_it_fills_the_memory() -> None:
    """Each of its prompts follows a run of answers that is longer by one."""
    mapping: dict[str, Any] = {"u": {"message": {"author": {"role": "user"}, "content": {"parts": ["x"]}}}}
    for place in range(4000):
        answer = {"author": {"role": "assistant"}, "content": {"parts": ["y" * 100]}}
        mapping[f"a{place}"] = {"parent": f"a{place - 1}" if place else "u", "message": answer}
        mapping[f"u{place}"] = {"parent": f"a{place}", "message": mapping["u"]["message"]}
    assert "too long" in problem(orjson.dumps([{"mapping": mapping}]))


@pytest.mark.parametrize(
    "date",
    [
        float("nan"),
        float("inf"),
        -5,
        1e300,
        pytest.param(10**400, id="long"),
        "yesterday",
        True,
        [],
        "9999-99-99",
        None,
    ],
)
def test_a_date_that_is_none_is_not_known(date: Any) -> None:
    [value] = exports.chatgpt()
    value["create_time"] = value["mapping"]["u1"]["message"]["create_time"] = date
    [conversation] = read_file(json.dumps([value]).encode())
    assert len(conversation.nodes) == 3
    assert 0 < conversation.created_at < 1e11


@settings(max_examples=100, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["mapping", "chat_messages", "chat", "history", "messages", "uuid", "parent", "message"]),
        inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_shape_is_a_crash(value: Any) -> None:
    try:
        read_file(json.dumps([value]).encode())
    except InvalidRequest as refused:
        assert refused.message.startswith("This")  # noqa: PT017  # most are refused, some are read
