"""Conversations as documents: nothing is lost on the way there and back, and nothing wrong is taken."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given

from llm_hub.chat import AttemptStarted, Document, Image, Resumed
from llm_hub.conversations.coalescer import Snapshot
from llm_hub.conversations.conversation import Conversation
from llm_hub.conversations.document import MAX_NODES, encode, read_document, write_document
from llm_hub.conversations.turn import Question, Turn
from llm_hub.conversations.turn_document import INTERRUPTED, prompt_message
from llm_hub.documents.kinds import PDF_TYPE
from llm_hub.errors import InvalidRequest, KeyRefused, LLMHubError, ProviderError
from llm_hub.redaction import Redactor
from tests.conversations.generated import conversations, simple_turn

OWN_FAULT = LLMHubError("Something went wrong inside LLM Hub.", hint="Its log says more. Trying again may help.")
"""What is kept of an error that is none of the hub's own: its words may hold anything."""


def through_json(conversation: Conversation) -> Conversation:
    return read_document(encode(write_document(conversation)).encode())


def facts(turn: Turn) -> dict[str, Any]:
    """All that is known of a turn. Errors are equal if they are of one kind and say the same."""
    answer, error = turn.answer, turn.answer.error
    known: dict[str, Any] = {"turn": replace(turn, answer=replace(answer, response=None, error=None))}
    if answer.response is not None:
        known["response"] = replace(answer.response, content="", reasoning="")
    if error is not None:
        shown = error if isinstance(error, LLMHubError) else OWN_FAULT
        known["error"] = {**vars(shown), "kind": getattr(shown, "kind", "")}
    return known


@given(conversations())
def test_a_conversation_comes_back_as_it_was(conversation: Conversation) -> None:
    again = through_json(conversation)
    for name in ("id", "kind", "title", "pinned", "created_at", "changed_at", "leaves", "setup"):
        assert getattr(again, name) == getattr(conversation, name)
    for before, after in zip(conversation.nodes, again.nodes, strict=True):
        assert (after.number, after.parent, after.pane) == (before.number, before.parent, before.pane)
        if before.turn.outcome != "pending":
            assert after.version == before.version
            assert facts(after.turn) == facts(before.turn)


@given(conversations())
def test_an_answer_that_was_being_written_has_ended_with_a_note_and_is_a_change(conversation: Conversation) -> None:
    again = through_json(conversation)
    for before, after in zip(conversation.nodes, again.nodes, strict=True):
        if before.turn.outcome == "pending":
            assert (after.turn.outcome, after.turn.note) == ("stopped", INTERRUPTED)
            assert after.version == again.version == conversation.version + 1
            assert after.turn.answer.text == before.turn.answer.text


def test_half_a_character_becomes_a_question_mark() -> None:
    conversation = Conversation()
    conversation.add(simple_turn("Hi", "half \ud83d"))
    assert through_json(conversation).node(1).turn.answer.text == "half ?"


def test_an_error_comes_back_as_the_kind_that_it_was() -> None:
    conversation = Conversation()
    error = KeyRefused("OpenAI refused the key.", detail="its words")
    conversation.add(simple_turn(error=error))
    again = through_json(conversation).node(1).turn.answer.error
    assert isinstance(again, KeyRefused)
    assert (again.message, again.hint, again.detail) == (error.message, error.hint, "its words")


def test_only_what_has_changed_is_written() -> None:
    conversation = Conversation()
    conversation.add(simple_turn("one"))
    version = conversation.version
    conversation.add(simple_turn("two"))
    assert [node["number"] for node in write_document(conversation, version)["nodes"]] == [2]
    assert write_document(conversation, conversation.version)["nodes"] == []


def test_a_prompt_is_sent_once_while_its_answer_grows() -> None:
    conversation = Conversation()
    image = Image(b"\x89PNG\r\n\x1a\n" + b"0" * 10_000, "image/png")
    conversation.add(simple_turn("Earlier", "An answer"))
    seen = conversation.version
    asked = Turn(prompt_message("What is this?", [image]), Question("openai", "gpt"))
    conversation.add(asked)
    [whole] = write_document(conversation, seen)["nodes"]
    assert len(whole["turn"]["prompt"]["images"]) == 1
    seen = conversation.version
    conversation.update(2, replace(asked, answer=Snapshot(text="A grey square")))
    [changed] = write_document(conversation, seen)["nodes"]
    assert (changed["number"], changed["turn"]["text"], "prompt" in changed["turn"]) == (2, "A grey square", False)
    again = through_json(conversation)
    assert again.nodes[1].turn.prompt == asked.prompt
    seen = again.version
    again.update(2, asked)
    assert "prompt" not in write_document(again, seen)["nodes"][0]["turn"]


def test_a_key_in_an_error_or_a_name_is_left_out_and_a_prompt_stays_as_typed() -> None:
    key = "a-visitors-secret-key"
    redactor = Redactor()
    redactor.hold(key)
    error = ProviderError(f"Wrong: {key}", detail=f"{key} and sk-abcdefghijkl", hint=f"Not {key}")
    conversation = Conversation()
    turn = simple_turn(f"My key is {key}", error=error)
    route = (AttemptStarted(f"typed-{key}", key, 1), Resumed("openai", f"x/{key}", 5))
    question = replace(turn.question, model=key, system=f"Say {key}", fallback=(f"openai/{key}",))
    conversation.add(replace(turn, question=question, answer=replace(turn.answer, route=route)))
    document = write_document(conversation, redact=redactor)["nodes"][0]["turn"]
    assert document["prompt"]["text"] == f"My key is {key}"
    assert document["question"].pop("system") == f"Say {key}"
    told = encode({**document, "prompt": {}})
    assert key not in told
    assert "abcdefghijkl" not in told


# What comes from anybody.


def document(**changes: Any) -> dict[str, Any]:
    conversation = Conversation()
    conversation.add(simple_turn("one", "1"))
    conversation.add(simple_turn("two", "2"))
    return {**orjson.loads(encode(write_document(conversation))), **changes}


def node(number: int, parent: int, **more: Any) -> dict[str, Any]:
    return {"number": number, "parent": parent, "turn": {"prompt": {}, "outcome": "stopped"}, **more}


def turn(**fields: Any) -> dict[str, Any]:
    return document(nodes=[node(1, 0, turn={"prompt": {}, "outcome": "stopped", **fields})], leaves={"0": 1})


NESTED: Any = {}
for _ in range(100):
    NESTED = {"a": [NESTED]}

WRONG: dict[str, Any] = {
    "no object": [],
    "a number": 7,
    "another format": document(format="llm-hub/99"),
    "an id that is a path": document(id="../../../etc/passwd"),
    "a short id": document(id="a"),
    "an unknown kind": document(kind="novel"),
    "a version below 0": document(version=-1),
    "a version that is no number": document(version="<b>"),
    "nodes that are none": document(nodes={"1": {}}),
    "a node that is none": document(nodes=[7]),
    "a node without a turn": document(nodes=[{"number": 1, "parent": 0}]),
    "a turn twice": document(nodes=[node(1, 0), node(1, 0)]),
    "a hole": document(nodes=[node(2, 0)]),
    "its own parent": document(nodes=[node(1, 1)]),
    "a loop": document(nodes=[node(1, 2), node(2, 1)]),
    "a parent of another pane": document(nodes=[node(1, 0, pane=0), node(2, 1, pane=1)]),
    "a turn newer than the whole": document(nodes=[node(1, 0, version=99), node(2, 1)]),
    "leaves that are not there": document(leaves={"0": 9}),
    "leaves of another pane": document(leaves={"1": 1}),
    "a pane without end": document(leaves={"99999": 0}),
    "too many turns": document(nodes=[node(number, 0) for number in range(1, MAX_NODES + 2)], leaves={}),
    "a set-up with a prototype": document(setup={"a": [{"__proto__": {"isAdmin": True}}]}),
    "a set-up without end": document(setup=NESTED),
    "an unknown outcome": turn(outcome="won"),
    "text that is none": turn(text={"a": 1}),
    "an image that is no base64": turn(prompt={"images": [{"type": "image/png", "data": "§"}]}),
    "an image that is a script": turn(prompt={"images": [{"type": "text/html", "data": ""}]}),
    "a document that is no base64": turn(prompt={"files": [{"name": "a.pdf", "type": PDF_TYPE, "data": "§"}]}),
    "a document without a name": turn(prompt={"files": [{"text": "Harbour"}]}),
    "a document without end": turn(prompt={"files": [{"name": "a.txt", "text": "x" * 1_000_001}]}),
    "documents without end": turn(prompt={"files": [{"name": "a.txt", "text": "x"}] * 65}),
    "a time below 0": turn(elapsed=-1),
    "a price below 0": turn(price="-1"),
    "a price that is none": turn(price="NaN"),
    "a price without end": turn(price="1e999999"),
    "an unknown event": turn(route=[{"event": "exploded"}]),
    "attempts without end": turn(response={"attempts": [{}] * 2000}),
}


@pytest.mark.parametrize("value", WRONG.values(), ids=WRONG)
def test_a_document_of_a_wrong_shape_is_refused_in_plain_words(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="This is no conversation of LLM Hub: ") as refused:
        read_document(json.dumps(value).encode())
    assert "isAdmin" not in str(refused.value)
    assert "Document" not in str(refused.value), "a name of our own"
    assert "<b>" not in str(refused.value)


RAW = {
    "nothing": b"",
    "half of it": b'{"format": "llm-hub/1", ',
    "no UTF-8": b'{"format": "\xff"}',
    "NaN": encode(document()).replace('"pinned":false', '"created_at":NaN').encode(),
    "10^400": encode(document()).replace('"pinned":false', f'"created_at":{10**400}').encode(),
    "1e400": encode(document()).replace('"pinned":false', '"created_at":1e400').encode(),
    "a million lists": encode(document()).replace('"setup":{}', '"setup":{"a":[' + "[]," * 10**6 + "0]}").encode(),
    "deeper than any stack": b'{"format":"llm-hub/1","setup":' + b'{"a":' * 10**6,
    "half a character": encode(document()).replace('"title":""', '"title":"\\ud800"').encode(),
}


@pytest.mark.parametrize("body", RAW.values(), ids=RAW)
def test_a_text_that_is_no_json_or_too_much_of_it_is_refused_in_plain_words(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="This is no conversation of LLM Hub: "):
        read_document(body)


def test_a_prototype_is_no_field_and_changes_nothing() -> None:
    body = encode(document()).replace('"title":""', '"title":"", "__proto__": {"title": "evil"}, "constructor": 1')
    conversation = read_document(body.encode())
    assert conversation.title == ""
    assert "__proto__" not in encode(write_document(conversation))


def test_an_outcome_that_nothing_proves_is_that_of_a_stopped_answer() -> None:
    for outcome in ("answered", "failed"):
        assert read_document(turn(outcome=outcome)).node(1).turn.outcome == "stopped"


def test_a_document_that_tells_no_versions_is_written_whole() -> None:
    conversation = read_document(document(version=0, nodes=[node(1, 0), node(2, 1)]))
    assert [node["number"] for node in write_document(conversation)["nodes"]] == [1, 2]


def test_an_error_of_no_known_kind_is_an_error_all_the_same() -> None:
    error = (
        read_document(turn(outcome="failed", error={"kind": "__class__", "message": "No."})).node(1).turn.answer.error
    )
    assert type(error) is LLMHubError
    assert error.message == "No."


def test_a_price_of_a_million_digits_is_rounded() -> None:
    price = read_document(turn(price="1e-999999")).node(1).turn.price
    assert price == 0
    assert len(f"{price:f}") < 30


def test_an_image_comes_back_byte_by_byte() -> None:
    data = bytes(range(256)) * 5000
    whole = turn(prompt={"text": "Look", "images": [{"type": "image/png", "data": base64.b64encode(data).decode()}]})
    assert read_document(whole).node(1).turn.prompt.images == (Image(data, "image/png"),)


def test_a_document_comes_back_byte_by_byte() -> None:
    data = b"%PDF-1.7\n" + bytes(range(256))
    encoded = base64.b64encode(data).decode()
    files = [{"name": "report.pdf", "type": PDF_TYPE, "text": "Harbour", "pages": 12, "data": encoded}]
    whole = turn(prompt={"text": "Look", "files": files})
    assert read_document(whole).node(1).turn.prompt.documents == (
        Document("report.pdf", PDF_TYPE, "Harbour", data, 12),
    )


def test_a_document_that_is_not_what_it_says_is_its_text_alone() -> None:
    program = base64.b64encode(b"MZ\x90").decode()
    for kind in (PDF_TYPE, "text/html", "application/x-msdownload"):
        files = [{"name": "../\u202ea.pdf", "type": kind, "text": "Harb\0our", "data": program}]
        (read,) = read_document(turn(prompt={"files": files})).node(1).turn.prompt.documents
        assert read == Document("a.pdf", "text/plain", "Harb our")
